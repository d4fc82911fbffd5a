/** Paths on a 24 × 24 grid, drawn as lines of width 2. */
export const ICONS = {
  run: "M8 5.5v13l10.5-6.5z",
  stop: "M7 7h10v10H7z",
  download: "M12 4v11m-4.5-4L12 15.5 16.5 11M5 19.5h14",
  copy: "M9 9h10v11H9zM15 9V4.5H5V15h4",
  reuse: "M4.5 12a7.5 7.5 0 1 0 2.6-5.7M4.5 4.5v4h4",
  guide: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM9.6 9.5a2.5 2.5 0 1 1 3.4 2.3c-.7.3-1 .8-1 1.6m0 2.8v.1",
  close: "M6 6l12 12M18 6L6 18",
  warn: "M12 8.5v4.5m0 3v.1M12 3.5l9 16H3z",
} as const;
