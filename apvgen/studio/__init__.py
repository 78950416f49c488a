"""The studio: the page on which a person gives three files, looks at what was found, and renders a draft.

    page        puts the panels together and starts the server
    inputs      panel: photo, motion, voice, or the bundled example
    settings    panel: the options, folded away
    analysis    panel: analyse, with progress and a stop; what was found, in words
    scrub       panel: inspect any frame: layers, close-ups, and the frames to look at first
    player      the buttons over the frame slider, and player.js, by which pictures and curves follow it
    lab         panel: the FDA lab, the three ways to place the face side by side
    curves      what the lab shows over time
    charts      curves as SVG
    draft       panel: draft and preview videos
    strip       the start, stop and progress line that `analysis` and `draft` share
    jobs        long work in a thread, with progress, a stop and an outcome
    store       project folders under names that cannot be guessed
    viewer      the pictures of one frame of an analysed project
    layers      what can be laid over a driving frame
    closeup     the window that follows a face or a hand
    shelf       the frames of a driving video, kept small
    scaling     pictures made small enough for the page
    worst       which frames to look at first, and why
    words       sentences and small pieces of HTML

Every panel is a `build` that lays out, a `wire` that connects, and handlers that are plain functions. The browser keeps
nothing but the name of the open project and of the analysis under way, so that reloading the page or restarting the
program loses nothing. An analysis always makes a new project: tabs that show the same one cannot disturb each other.
"""
