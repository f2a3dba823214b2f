/**
 * A whole network in this process, for test suites of apps.
 * @module floe/devnet
 */
export { type Devnet, type DevnetNode, type DevnetOptions, startDevnet } from './devnet.ts'
export { DevnetError, type DevnetErrorCode, type DevnetErrorDetails } from './errors.ts'
