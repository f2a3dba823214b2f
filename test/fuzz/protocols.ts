/**
 * Throws damaged conversations at a real server over loopback: valid ones with bytes changed, cut, repeated or made up,
 * ended by a close, a reset or silence. Whatever comes, an honest client beside them is answered, every error on the
 * wire is one of the table, no session stays open and memory does not grow without end.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Epoch, ShardIndex } from '../../codec/types.ts'
import { ChallengeAttempt, ChallengeRequest } from '../../protocols/challenge/messages.ts'
import { toProtocolError } from '../../protocols/errors.ts'
import { FetchRequest } from '../../protocols/fetch/messages.ts'
import { InconsistencyRequest } from '../../protocols/inconsistency/messages.ts'
import { PeersRequest } from '../../protocols/peers/messages.ts'
import { PunchOffer, PunchStepMessage } from '../../protocols/punch/messages.ts'
import { ReachRequest } from '../../protocols/reach/messages.ts'
import { RecoverRequest } from '../../protocols/recover/messages.ts'
import { ShardSyncRequest } from '../../protocols/shard-sync/messages.ts'
import { SnapshotRequest } from '../../protocols/snapshot/messages.ts'
import { QUOTAS, SPECS } from '../../protocols/specs.ts'
import { StatusRequest } from '../../protocols/status/messages.ts'
import { SliverHeader, StoreRequest } from '../../protocols/store/messages.ts'
import { encodeFrame } from '../../protocols/stream/frame.ts'
import { ClientHello } from '../../protocols/wire.ts'
import { blobId, INFO, metadataOf, NETWORK, primary } from '../protocols/support/fakes.ts'
import { testPeers } from '../protocols/support/peers.ts'
import { openRaw } from '../protocols/support/raw.ts'
import type { FuzzOptions } from './main.ts'

type Protocol = keyof typeof SPECS

const metadata = metadataOf(blobId(1), 5_000)
const frames: Record<Protocol, Uint8Array[]> = {
  store: [
    StoreRequest.encode({ metadata, persistence: { kind: 'permanent' }, registerDigest: 'digest' }),
    SliverHeader.encode({ ref: primary(0), length: 300 }),
  ],
  fetch: [FetchRequest.encode({ items: [{ blobId: blobId(1), ref: primary(0), offset: 9, length: 100 }] })],
  status: [
    StatusRequest.encode({ BlobStatus: blobId(1) }),
    StatusRequest.encode({ NodeInfo: true }),
    StatusRequest.encode({ Snapshots: true }),
  ],
  'shard-sync': [
    ShardSyncRequest.encode({
      epoch: 3 as Epoch,
      shard: 1 as ShardIndex,
      after: blobId(1),
      maxBlobs: 100,
      maxBytes: 1_000_000,
      metadata: true,
    }),
  ],
  recover: [
    RecoverRequest.encode({
      epoch: 3 as Epoch,
      axis: 'primary',
      targets: [1 as ShardIndex],
      sources: [4 as ShardIndex, 5 as ShardIndex],
      blobs: { Ids: [blobId(1)] },
      proofs: false,
    }),
  ],
  inconsistency: [InconsistencyRequest.encode({ metadata, axis: 'primary', proofBytes: 300 })],
  snapshot: [SnapshotRequest.encode({ digest: new Uint8Array(32).fill(9), page: 1 })],
  challenge: [
    ChallengeRequest.encode({ epoch: 3 as Epoch, round: 0, nodeId: NETWORK }),
    ChallengeAttempt.encode({
      leaf: 7,
      bytes: new Uint8Array(300),
      path: [new Uint8Array(32)],
      siblings: [new Uint8Array(32)],
    }),
  ],
  peers: [PeersRequest.encode(['12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'])],
  reach: [ReachRequest.encode([4001])],
  punch: [
    PunchOffer.encode([{ ip: '198.51.100.7', port: 4001 }]),
    PunchStepMessage.encode({ Ping: true }),
    PunchStepMessage.encode({ Go: 20 }),
  ],
}

const damage = fc.record({
  protocol: fc.constantFrom(...(Object.keys(frames) as Protocol[])),
  changes: fc.array(fc.record({ at: fc.nat(2_000), to: fc.integer({ min: 0, max: 255 }) }), { maxLength: 3 }),
  cutAt: fc.option(fc.nat(2_000)),
  repeat: fc.integer({ min: 1, max: 3 }),
  junk: fc.uint8Array({ maxLength: 300 }),
  ending: fc.constantFrom('close', 'reset', 'silence'),
})

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never

function conversation({ protocol, changes, cutAt, repeat, junk }: Damage): Uint8Array {
  const hello = encodeFrame(ClientHello.encode({ network: NETWORK }))
  const requests = frames[protocol].map(encodeFrame)
  const repeated = Array.from({ length: repeat }, () => requests).flat()
  const bytes = Buffer.concat([hello, ...repeated, junk])
  for (const { at, to } of changes) bytes[at % bytes.length] = to
  return new Uint8Array(cutAt === null ? bytes : bytes.subarray(0, cutAt))
}

export async function run({ minutes, seed }: FuzzOptions): Promise<void> {
  const peers = testPeers()
  const peer = { ...QUOTAS.peer, failures: Number.MAX_SAFE_INTEGER }
  const specs = {
    store: { ...SPECS.store, chunkTimeoutMs: 100, idleTimeoutMs: 100 },
    fetch: { ...SPECS.fetch, chunkTimeoutMs: 100, idleTimeoutMs: 100 },
    status: { ...SPECS.status, chunkTimeoutMs: 100, idleTimeoutMs: 100 },
    'shard-sync': { ...SPECS['shard-sync'], chunkTimeoutMs: 100, idleTimeoutMs: 100 },
    recover: { ...SPECS.recover, chunkTimeoutMs: 100, idleTimeoutMs: 100 },
    inconsistency: { ...SPECS.inconsistency, chunkTimeoutMs: 100, idleTimeoutMs: 100 },
    snapshot: { ...SPECS.snapshot, chunkTimeoutMs: 100, idleTimeoutMs: 100 },
    challenge: { ...SPECS.challenge, responseTimeoutMs: 100, idleTimeoutMs: 100 },
    peers: { ...SPECS.peers, chunkTimeoutMs: 100, idleTimeoutMs: 100 },
    reach: { ...SPECS.reach, chunkTimeoutMs: 100, idleTimeoutMs: 100 },
    punch: { ...SPECS.punch, chunkTimeoutMs: 100, idleTimeoutMs: 100 },
  }
  const server = await peers.server({ quotas: { ...QUOTAS, peer }, specs })
  server.node.judge.open = async () => ({
    kind: 'open',
    judge: async () => ({ message: new Uint8Array(39), signature: new Uint8Array(96) }),
    close: () => undefined,
  })
  const hostile = await peers.client()
  const honest = await peers.client()
  const end = performance.now() + minutes * 60_000
  const outcomes = new Map<string, number>()
  let tried = 0

  const attempt = async (one: Damage): Promise<void> => {
    const raw = await openRaw(hostile.libp2p, server.address, one.protocol)
    try {
      await raw.writer.write(conversation(one), { timeoutMs: 2_000 })
      if (one.ending === 'close') await raw.writer.close({ timeoutMs: 2_000 })
      if (one.ending === 'reset') raw.abort(new Error('reset'))
      while (await raw.reader.hasMore({ timeoutMs: 300 })) await raw.receive(1_000_000, { timeoutMs: 300 })
    } catch (error) {
      const { code } = toProtocolError(error)
      assert.notEqual(code, 'INTERNAL', String(error))
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
    } finally {
      raw.abort(new Error('over'))
    }
  }

  try {
    for (let round = 0; performance.now() < end; round++) {
      const batch = fc.sample(damage, { numRuns: 40, seed: seed + round })
      for (let at = 0; at < batch.length; at += 10) {
        await Promise.all(batch.slice(at, at + 10).map(attempt))
        assert.deepEqual(await honest.client.nodeInfo(server.address), INFO, `seed ${seed + round}`)
      }
      tried += batch.length
      assert.ok(
        !server.metrics.outcomes.some(outcome => outcome.endsWith('INTERNAL')),
        `seed ${seed + round}`,
      )
      server.metrics.outcomes.length = 0
      assert.ok(process.memoryUsage().rss < 1_500_000_000, `memory grows, seed ${seed + round}`)
    }
  } finally {
    await peers.stop()
  }
  assert.equal(server.node.openSessions, 0)
  console.log(`${tried} conversations, seed ${seed}: ${JSON.stringify(Object.fromEntries(outcomes))}`)
}
