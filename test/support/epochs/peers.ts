import { shardOfPair } from '../../../codec/index.ts'
import { type PeerClient, ProtocolError } from '../../../protocols/index.ts'
import type { SyncedBlob } from '../../../protocols/shard-sync/client.ts'
import type { EpochsWorld } from '../epochs-world.ts'
import type { Running } from './compose-node.ts'
import type { SentPage } from './manners.ts'
import { N } from './names.ts'
import type { WorldNode } from './world-node.ts'

const never = new AbortController().signal

/** The network as one node sees it. */
export function peersOf(world: EpochsWorld, self: WorldNode): PeerClient {
  const find = (peerId: string): WorldNode & { running: Running } => {
    const node = world.nodes.find(one => one.peerId === peerId)
    if (node?.running === undefined || self.running === undefined) throw new ProtocolError('UNREACHABLE')
    return node as WorldNode & { running: Running }
  }
  const client: Pick<
    PeerClient,
    'shardPage' | 'fetch' | 'metadata' | 'proveInconsistent' | 'snapshots' | 'snapshotPage'
  > = {
    async proveInconsistent({ peerId }, { metadata, axis, proof }, { signal = never } = {}) {
      const { judge } = find(peerId).running.upkeep
      const context = { peer: self.peerId, signal }
      const hearing = await judge.open({ metadata, axis, proofBytes: proof.length }, context)
      if (hearing.kind === 'known') return hearing.attestation
      try {
        return await hearing.judge(proof)
      } finally {
        hearing.close()
      }
    },
    async *shardPage({ peerId }, query, { lengths, signal = never }) {
      const node = find(peerId)
      const { peerId: peer } = self
      const page = await node.running.upkeep.shards.page(query, { peer, signal }).catch(error => {
        if (!(error instanceof ProtocolError)) throw error
        const { code, details, retryAfterMs } = error
        throw new ProtocolError(code, { details, retryAfterMs, remote: true })
      })
      const blobs: SyncedBlob[] = []
      for (const { blobId, pair } of page.blobs) {
        const { slivers, status } = node.running.shown
        const metadata = query.metadata ? await status.metadata(blobId) : undefined
        const primary = await slivers.get(blobId, { pair, axis: 'primary' })
        const secondary = await slivers.get(blobId, { pair, axis: 'secondary' })
        blobs.push({
          blobId,
          metadata,
          primary,
          secondary,
        })
      }
      const honest: SentPage = { blobs, whole: page.end }
      const sent = (await node.manners.page?.(query, honest, signal)) ?? honest
      for (const blob of sent.blobs) {
        signal.throwIfAborted()
        const wanted = await lengths(blob.blobId, blob.metadata)
        if (sent.breaks) throw new ProtocolError('CONNECTION_LOST')
        if (wanted === undefined) continue
        for (const axis of ['primary', 'secondary'] as const) {
          if (blob[axis] !== undefined && blob[axis].length !== wanted[axis])
            throw new ProtocolError('VIOLATION')
          if (blob[axis] !== undefined)
            self.got.push({ from: node.nodeId, blobId: blob.blobId, shard: query.shard, by: 'page' })
        }
        yield blob
      }
      return { whole: sent.whole }
    },
    async *fetch({ peerId }, items, { signal = never } = {}) {
      const node = find(peerId)
      for (const item of items) {
        signal.throwIfAborted()
        const { blobId, ref } = item
        const had = await node.running.shown.slivers.get(blobId, ref)
        const bytes = node.manners.sliver === undefined ? had : await node.manners.sliver(blobId, ref, had)
        const shard = shardOfPair(ref.pair, blobId, N)
        if (bytes !== undefined) self.got.push({ from: node.nodeId, blobId, shard, by: 'fetch' })
        yield { item, blobId, ref, bytes }
      }
    },
    metadata: async ({ peerId }, blobId) => await find(peerId).running.shown.status.metadata(blobId),
    async snapshots({ peerId }) {
      const node = find(peerId)
      const heads = node.running.upkeep.snapshots.heads()
      return node.manners.heads?.(heads) ?? heads
    },
    async snapshotPage({ peerId }, query, { signal = never } = {}) {
      const node = find(peerId)
      const page = await node.running.upkeep.snapshots.page(query.digest, query.page)
      signal.throwIfAborted()
      const sent = node.manners.table === undefined ? page : await node.manners.table(query, page)
      if (sent === undefined) throw new ProtocolError('NO_SNAPSHOT', { remote: true })
      self.pages.push({ from: node.nodeId, page: query.page })
      return sent
    },
  }
  return client as PeerClient
}
