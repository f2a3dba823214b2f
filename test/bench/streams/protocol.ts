/** Shared by both sides of the streams bench. */
export const BENCH_NETWORK = '0xbe'
/** bytes without hashes, so that the plain iterator can be compared */
export const PULL_BYTES = '/floe-bench/bytes/1.0.0'
/** bodies with length and hash */
export const PULL_BODIES = '/floe-bench/bodies/1.0.0'
export const BODY_BYTES = 1024 * 1024
