/**
 * Red Stuff, blob IDs, metadata, certificates and quilts: bytes in, bytes out.
 * @module floe/codec
 */
export { loadBls } from './bls.ts'
export * from './index.ts'
