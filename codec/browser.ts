/** `floe/codec` in a page. */
export * from './index.ts'
export { loadBls } from './page-bls.ts'
