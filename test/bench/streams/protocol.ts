/** Shared by both sides of the streams bench. */
export const BENCH_NETWORK = '0xbe'
export const PULL_BYTES = '/floe-bench/bytes/1.0.0'
export const BODY_BYTES = 1024 * 1024
