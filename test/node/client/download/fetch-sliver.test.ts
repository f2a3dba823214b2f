import assert from 'node:assert/strict'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import type { SliverPairIndex } from '../../../../codec/types.ts'
import { Answers } from '../../../../node/client/answers.ts'
import { fetchSliver, type SliverLine } from '../../../../node/client/download/fetch-sliver.ts'
import { type FakePeer, fakeBook, fakeCommittee, fakePeers, silent } from '../../../support/fake-peers.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('a sliver from its owner', () => {
  let codec: Codec
  let blob: EncodedBlob
  let clock: VirtualClock
  let line: SliverLine
  before(async () => {
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(new Uint8Array(1000).fill(7), 10)
  })
  after(() => codec.close())
  beforeEach(() => {
    clock = new VirtualClock()
    line = { answers: new Answers(), steppedAt: Number.NEGATIVE_INFINITY }
  })

  /** What becomes of it, once it is there. */
  const fetch = (peer: FakePeer) => {
    const [owner] = fakeCommittee(1, 10).members
    const components = { peers: fakePeers([peer]), book: fakeBook(), codec, accuse: () => {}, clock }
    const state: { row?: Uint8Array | 'none' } = {}
    const fetched = fetchSliver(
      { ...components, log: silentLog() },
      blob.metadata,
      { pair: 0 as SliverPairIndex, axis: 'primary' },
      owner!,
      { line, signal: new AbortController().signal },
    ).then(row => {
      state.row = row ?? 'none'
    })
    return { state, fetched }
  }
  const flowing = (bytes: number): FakePeer => ({
    async sliver(ref, signal, onBytes) {
      for (let i = 0; i < 40; i++) {
        await clock.sleep(1_000, signal)
        onBytes(bytes)
      }
      return blob.sliver(ref)
    },
  })

  it('is waited for while its bytes come', async () => {
    const { state, fetched } = fetch(flowing(32 * 1024))
    await clock.advance(40_000)
    await fetched
    assert.ok(state.row instanceof Uint8Array)
  })

  it('is given up when it trickles or stops while others come', async () => {
    for (const peer of [flowing(100), silent]) {
      const { state, fetched } = fetch(peer)
      const others = clock.every(500, () => {
        line.steppedAt = clock.monotonic()
      })
      await clock.advance(2_999)
      assert.equal(state.row, undefined)
      await clock.advance(1_001)
      await fetched
      assert.equal(state.row, 'none')
      others.stop()
    }
  })

  it('has more time when nothing else comes either', async () => {
    const { state, fetched } = fetch(silent)
    await clock.advance(8_999)
    assert.equal(state.row, undefined)
    await clock.advance(1)
    await fetched
    assert.equal(state.row, 'none')
  })
})
