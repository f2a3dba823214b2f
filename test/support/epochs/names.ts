import type { ObjectId } from '../../../codec/types.ts'

/** shards */
export const N = 10
export const NETWORK = `0x${'ab'.repeat(32)}` as ObjectId
export const nodeIdOf = (i: number): ObjectId => `0x${String(i).padStart(64, '0')}` as ObjectId
/** the BLS secret of a node */
export const secretOf = (nodeId: ObjectId): Uint8Array => Buffer.from(nodeId.slice(2), 'hex')
