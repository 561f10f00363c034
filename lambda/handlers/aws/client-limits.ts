/** Limits of every AWS client but that of S3: how often a call is tried, and how long it may be silent. */
export const CLIENT_LIMITS = {
  maxAttempts: 5,
  retryMode: "standard",
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
} as const;
