"""Training scripts. They import from `apvgen`; nothing in `apvgen` imports from here."""
