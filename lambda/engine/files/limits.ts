/** Folders have no version of their own: it is that of the format, by which a drill is found. */
export const VERSIONS = { major: "1" } as const;
/** Plain bytes of one pack; a pack holds at least one file, however large. */
export const PACK_BYTES = 64 * 1024 * 1024;
/** A larger file has a pack of its own, so that it is reused as long as it stays. */
export const OWN_PACK_BYTES = 16 * 1024 * 1024;
/** Entries of one index: they lie in memory until their packs are stored. */
export const INDEX_ENTRIES = 5_000;
/** A pack of which less is still in the tree is given up, and what is left of it stored again. */
export const LEAST_USED_SHARE = 0.5;
/** A file whose time is younger than the last dump's start, less this, may have changed since it was read. */
export const CLOCK_MARGIN_MS = 120_000;
/** A file that changes while it is read is read again, so often in all. */
export const READ_ATTEMPTS = 3;
export const RETRY_PAUSE_MS = 150;
/** Read in one piece, while others before it are still read. */
export const SMALL_FILE_BYTES = 256 * 1024;
/** So many small files are under way for one pack: 8 MiB of memory at most. */
export const SMALL_FILES_AHEAD = 32;
/** Of a larger file so many pieces are under way. */
export const PIECE_BYTES = 128 * 1024;
export const PIECES_AHEAD = 8;
/** Listings and links that are asked for ahead, in one folder. */
export const LISTINGS_AHEAD = 8;
/** A folder's names are sorted in memory. */
export const FOLDER_ENTRIES_LIMIT = 1_000_000;
/** Notes that name single files; the rest is a number. */
export const NOTES_LIMIT = 20;
