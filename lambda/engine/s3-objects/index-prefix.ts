/** The beginning of the names of all indexes. */
export const INDEX_PREFIX = "index/";
