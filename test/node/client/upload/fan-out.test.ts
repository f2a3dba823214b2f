import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { raceSignal } from 'race-signal'
import { Clock, systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { systemTimers } from '../../../../base/timers.ts'
import {
  type Bls,
  type Codec,
  confirmationMessage,
  createCodec,
  type EncodedBlob,
  pairOfShard,
} from '../../../../codec/index.ts'
import { loadBls } from '../../../../codec/node.ts'
import type { Epoch } from '../../../../codec/types.ts'
import { createAccuse } from '../../../../node/client/accuse.ts'
import { FanOut } from '../../../../node/client/upload/fan-out.ts'
import { type PeerAddress, ProtocolError, type StoreInput } from '../../../../protocols/index.ts'
import { fakeBook, fakeCommittee } from '../../../support/fake-peers.ts'

const N = 10
/** Nothing is waited for. */
const immediate = new Clock({
  ...systemTimers,
  after: (_, act, options) => systemTimers.after(0, act, options),
})

describe('fan-out', () => {
  let codec: Codec
  let bls: Bls
  let blob: EncodedBlob
  const secrets: Uint8Array[] = []
  const committee = fakeCommittee(4, N)
  before(async () => {
    bls = await loadBls()
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(randomBytes(1000), N)
    for (const member of committee.members) {
      secrets.push(bls.generateSecret())
      member.blsPublicKey = bls.publicKey(secrets[member.index]!)
    }
  })
  after(() => codec.close())

  type Sliver = StoreInput['sliver']
  /** Members that are honest, but for those that `behave` speaks for. */
  const send = (
    behave: (index: number, sliver: Sliver, wanted: (slivers: number) => void) => Promise<void>,
    sign = (index: number, message: Uint8Array) => bls.sign(secrets[index]!, message),
    /** what a member says otherwise than it should */
    otherwise: (index: number) => { epoch?: Epoch; message?: Uint8Array } = () => ({}),
    clock: Clock = systemClock,
  ) => {
    const liars: string[] = []
    const doubts: string[] = []
    const book = fakeBook()
    const log = silentLog()
    const persistence = { kind: 'permanent' as const }
    const message = confirmationMessage({ epoch: 1 as Epoch, blobId: blob.metadata.blobId, persistence })
    const components = {
      peers: {
        async store(
          { peerId }: PeerAddress,
          { sliver, onWanted = () => undefined }: Pick<StoreInput, 'sliver' | 'onWanted'>,
          { signal }: { signal?: AbortSignal } = {},
        ) {
          const index = Number(peerId.slice('peer-'.length))
          await raceSignal(behave(index, sliver, onWanted), signal)
          const signature = sign(index, message)
          const { epoch, message: confirmed } = { epoch: 1 as Epoch, message, ...otherwise(index) }
          return { epoch, confirmation: { message: confirmed, signature }, sentBytes: 0 }
        },
      },
      book,
      accuse: createAccuse({ book, log, metrics: { liar: (nodeId: string) => liars.push(nodeId) } }),
      bls: async () => bls,
      clock,
      log,
    }
    const stop = new AbortController()
    const header = { metadata: blob.metadata, persistence, registerDigest: '' }
    const sending = new FanOut(components, {
      committee,
      order: committee.members,
      header,
      encoded: blob,
      onDoubt: () => doubts.push('doubt'),
      signal: stop.signal,
    })
    const serveRest = () => sending.serveRest()
    return { result: sending.result(), finished: sending.finished, serveRest, liars, doubts, book }
  }

  it('counts the weight of those who confirm', async () => {
    const { result, finished, serveRest } = send(async index => {
      if (index === 3) throw new ProtocolError('NO_SPACE', { remote: true })
    })
    const { certificate, confirmedShards } = await result
    assert.deepEqual(certificate?.signers, [0, 1, 2])
    assert.equal(confirmedShards, 8)
    serveRest()
    await finished
  })

  it('asks those who are not needed for a small blob once it has done its work', async () => {
    const asked: number[] = []
    const { result, finished, serveRest } = send(async index => void asked.push(index))
    assert.deepEqual((await result).certificate?.signers, [0, 1, 2])
    assert.deepEqual(asked, [0, 1, 2])
    serveRest()
    await finished
    assert.deepEqual(asked, [0, 1, 2, 3])
  })

  it('asks the next one as soon as somebody refuses', async () => {
    const asked: number[] = []
    const hanging = Promise.withResolvers<void>()
    const { result, finished } = send(async index => {
      asked.push(index)
      if (index === 0) throw new ProtocolError('NO_SPACE', { remote: true })
      if (index === 1) await hanging.promise
      if (index === 3) hanging.resolve()
    })
    assert.deepEqual((await result).certificate?.signers, [1, 2, 3])
    assert.deepEqual(asked, [0, 1, 2, 3])
    await finished
  })

  it('asks everyone after a while when somebody is silent', async () => {
    const silent = Promise.withResolvers<void>()
    const { result, finished } = send(async index => {
      if (index === 0) await silent.promise
    })
    assert.deepEqual((await result).certificate?.signers, [1, 2, 3])
    silent.resolve()
    await finished
  })

  it('does without who signs wrongly, names them, and asks the others at once', async () => {
    for (const wrong of [
      (index: number, message: Uint8Array) => bls.sign(secrets[(index + 1) % 4]!, message),
      () => new Uint8Array(96),
    ]) {
      const { result, finished, liars, book } = send(
        async () => undefined,
        (index, message) => (index === 2 ? wrong(index, message) : bls.sign(secrets[index]!, message)),
      )
      const { certificate, confirmedShards } = await result
      assert.deepEqual(certificate?.signers, [0, 1, 3])
      assert.equal(confirmedShards, 8)
      assert.deepEqual(liars, [committee.members[2]!.nodeId])
      assert.equal(book.ranked(committee.members).at(-1), committee.members[2])
      await finished
    }
  })

  it('does without who confirms something else, names them, and asks the others at once', async () => {
    const other = confirmationMessage({
      epoch: 2 as Epoch,
      blobId: blob.metadata.blobId,
      persistence: { kind: 'permanent' },
    })
    const { result, finished, liars, doubts } = send(
      async () => undefined,
      (index, message) => bls.sign(secrets[index]!, index === 1 ? other : message),
      index => (index === 1 ? { message: other } : {}),
    )
    const { certificate, epochChanged } = await result
    assert.deepEqual(certificate?.signers, [0, 2, 3])
    assert.deepEqual(liars, [committee.members[1]!.nodeId])
    assert.deepEqual([epochChanged, doubts], [false, []])
    await finished
  })

  it('does without who is in another epoch, blames nobody for it, and says so', async () => {
    const { result, finished, liars, doubts } = send(
      async () => undefined,
      undefined,
      index => (index === 1 ? { epoch: 2 as Epoch } : {}),
    )
    const { certificate, epochChanged } = await result
    assert.deepEqual(certificate?.signers, [0, 2, 3])
    assert.deepEqual([epochChanged, doubts, liars], [true, ['doubt'], []])
    await finished
  })

  it('tells at once when a quorum has become impossible', async () => {
    const hanging = Promise.withResolvers<void>()
    const { result, finished } = send(async index => {
      if (index < 2) throw new ProtocolError('NO_SPACE', { remote: true })
      if (index === 2) await hanging.promise
    })
    const { certificate, confirmedShards, refusals } = await result
    assert.equal(certificate, undefined)
    assert.equal(confirmedShards, 2)
    assert.equal(refusals.length, 2)
    hanging.resolve()
    await finished
  })

  it('does not wait as long as a node tells it to', async () => {
    const { finished } = send(async index => {
      if (index === 3) throw new ProtocolError('BUSY', { remote: true, retryAfterMs: 2 ** 31 - 1 })
    })
    await finished
  })

  for (const [what, lacking, tries] of [
    ['goes on with a node whose path breaks again and again, as long as it takes slivers', 0, 8],
    ['gives a node up that takes nothing of all that the line has taken', 10, 6],
  ] as const) {
    it(what, async () => {
      const pair = pairOfShard(committee.members[0]!.shards[0]!, blob.metadata.blobId, N)
      let tried = 0
      const { result, finished } = send(
        async (index, sliver, wanted) => {
          if (index === 3) throw new ProtocolError('NO_SPACE', { remote: true })
          if (index !== 0) return
          wanted(Math.max(lacking, 10 - tried))
          for (const axis of ['primary', 'secondary'] as const) await sliver({ pair, axis })
          if (++tried < 8) throw new ProtocolError('PATH_LOST')
        },
        undefined,
        undefined,
        immediate,
      )
      const { certificate } = await result
      assert.equal(tried, tries)
      assert.deepEqual(certificate?.signers, tries === 8 ? [0, 1, 2] : undefined)
      await finished
    })
  }

  it('sends no sliver twice, whoever is slow, busy or cut off meanwhile', async () => {
    const sent = new Map<string, number>()
    // what a node has taken it does not want again
    const kept = new Set<string>()
    let busy = true
    const certified = Promise.withResolvers<void>()
    const { result, finished, serveRest } = send(
      async (index, sliver, wanted) => {
        if (index === 2 && busy) {
          busy = false
          throw new ProtocolError('BUSY', { remote: true, retryAfterMs: 1 })
        }
        wanted(2 * N - kept.size)
        for (const shard of committee.members[index]!.shards) {
          for (const axis of ['primary', 'secondary'] as const) {
            const ref = { pair: pairOfShard(shard, blob.metadata.blobId, N), axis }
            const name = `${axis} ${ref.pair}`
            if (kept.has(name)) continue
            await sliver(ref)
            sent.set(name, (sent.get(name) ?? 0) + 1)
            if (index === 3) await certified.promise
            kept.add(name)
            if (index === 1 && axis === 'secondary') throw new ProtocolError('PATH_LOST')
          }
        }
      },
      undefined,
      undefined,
      immediate,
    )
    assert.deepEqual((await result).certificate?.signers, [0, 1, 2])
    serveRest()
    certified.resolve()
    await finished
    assert.equal(sent.size, 2 * N)
    assert.deepEqual(new Set(sent.values()), new Set([1]))
  })

  it('sends nobody slivers of shards that it does not keep', async () => {
    const pair = pairOfShard(committee.members[0]!.shards[0]!, blob.metadata.blobId, N)
    const given: boolean[] = []
    const { result, finished } = send(async (index, sliver) => {
      given[index] = false
      await sliver({ pair, axis: 'primary' })
      given[index] = true
    })
    const { certificate, epochChanged } = await result
    assert.equal(certificate, undefined)
    assert.equal(epochChanged, true)
    assert.deepEqual(given, [true, false, false, false])
    await finished
  })
})
