/** The kernel's exports. All addresses and lengths are bytes in the memory that the host imports. */
export { configure } from './config'
export { decodeWords, locate } from './decode'
export { fillZeroHashes, merklePath, rowRoots, sealMetadata, wordRoots } from './trees'
export { copyRepair, copyWords, expand, expandTo, fillLeafMemo, hashSymbols, takeSymbols } from './words'
