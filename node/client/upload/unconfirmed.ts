import type { Committee } from '../../../chain/types.ts'
import { quorumWeight } from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { ProtocolError, type ProtocolErrorCode } from '../../../protocols/index.ts'
import { ClientError } from '../errors.ts'
import type { FanOutResult } from './fan-out.ts'

/** What nodes say that are well and cannot take more for now: over a quota, or out of file descriptors. */
const BUSY: ReadonlySet<ProtocolErrorCode> = new Set(['BUSY', 'TOO_MANY_FAILURES'])

/** Why an upload was confirmed by too few, in the words of those who refused it. */
export function unconfirmed(
  blobId: BlobId,
  { nShards, members }: Committee,
  { confirmedShards, refusals }: Pick<FanOutResult, 'confirmedShards' | 'refusals'>,
): ClientError {
  const neededShards = quorumWeight(nShards)
  const cause = new AggregateError(refusals, 'nodes did not confirm')
  const nodes = members.filter(({ shards }) => shards.length > 0).length
  const saying = (said: (code: ProtocolErrorCode) => boolean) =>
    refusals.filter(({ cause: why }) => why instanceof ProtocolError && why.remote && said(why.code)).length
  const noSpaceNodes = saying(code => code === 'NO_SPACE')
  const busyNodes = saying(code => BUSY.has(code))
  const details = { blobId, confirmedShards, neededShards, nodes, noSpaceNodes, busyNodes }
  const confirmed = `nodes with ${confirmedShards} of ${nShards} shards confirmed the upload; ${neededShards} are needed`
  // what most of those who refused say is what there is to be done about
  const isMost = (count: number) => count > 0 && 2 * count >= refusals.length
  if (isMost(noSpaceNodes)) {
    const message = `${noSpaceNodes} of ${nodes} nodes have no space left: ${confirmed}`
    return new ClientError('NO_SPACE', message, details, { cause })
  }
  if (isMost(busyNodes)) {
    const message = `${busyNodes} of ${nodes} nodes are too busy: ${confirmed}`
    return new ClientError('NODES_BUSY', message, details, { cause })
  }
  return new ClientError('TOO_FEW_CONFIRMATIONS', confirmed, details, { cause })
}
