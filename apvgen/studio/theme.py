"""Looks: one quiet theme, light and dark, in the fonts that the reader's own machine has."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

CSS = Path(__file__).with_name("studio.css")
FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "sans-serif")
FONT_MONO = ("ui-monospace", "SFMono-Regular", "Consolas", "monospace")


def theme() -> gr.Theme:
    """Grey surfaces, one blue for what a person may press; nothing is fetched from elsewhere."""
    return gr.themes.Base(
        primary_hue="indigo",
        secondary_hue="indigo",
        neutral_hue="slate",
        radius_size="md",
        text_size="md",
        spacing_size="md",
        font=FONT,
        font_mono=FONT_MONO,
    ).set(body_text_color_subdued="*neutral_500", body_text_color_subdued_dark="*neutral_400")
