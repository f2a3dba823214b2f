import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { Clock } from '../../../base/clock.ts'
import { systemTimers } from '../../../base/timers.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import { QUOTAS } from '../../../protocols/specs.ts'
import { type Cut, type CuttingProxy, cuttingProxy } from '../support/cutting-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { blobId, keyOf, primary } from '../support/fakes.ts'
import { HurriedClock } from '../support/hurried-clock.ts'
import { type TestClient, type TestServer, testPeers } from '../support/peers.ts'

const KIB = 1024
/** Hellos, handshakes and frames of one connection. */
const OVERHEAD_BYTES = 64 * KIB
const LOST_PER_CUT_BYTES = 256 * KIB

/** The garbage collector, for one who looks at what is held. */
function gc(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

describe('a fetch over a path that breaks', () => {
  const peers = testPeers()
  let server: TestServer
  let reader: TestClient
  let clock: HurriedClock
  let path: CuttingProxy | undefined

  beforeEach(async () => {
    server = await peers.server()
    await newReader()
  })
  afterEach(async () => {
    await peers.stop()
    await stopPath()
  })

  const stopPath = async (): Promise<void> => {
    await path?.stop()
    path = undefined
  }
  const newReader = async (): Promise<void> => {
    clock = new HurriedClock()
    reader = await peers.client({ clock })
  }

  /** Slivers of these lengths, stored at the server. */
  const store = (lengths: readonly number[]): Uint8Array[] =>
    lengths.map((length, pair) => {
      const bytes = new Uint8Array(randomBytes(length))
      server.node.slivers.stored.set(keyOf(blobId(1), primary(pair)), bytes)
      return bytes
    })
  const items = (count: number) =>
    Array.from({ length: count }, (_, pair) => ({ blobId: blobId(1), ref: primary(pair) }))

  const fetchOver = async (plan: Cut[], count: number): Promise<(Uint8Array | undefined)[]> => {
    await stopPath()
    path = await cuttingProxy(server.address, plan)
    const got: (Uint8Array | undefined)[] = []
    for await (const { ref, bytes } of reader.client.fetch(path.address, items(count))) got[ref.pair] = bytes
    return got
  }

  it('ends with equal bytes, and moves little twice, wherever the path is cut', async () => {
    const sliver = fc.integer({ min: 0, max: 3_000 * KIB })
    const cut = fc.record({
      afterBytes: fc.integer({ min: OVERHEAD_BYTES, max: 3_000 * KIB }),
      kind: fc.constantFrom('end' as const, 'reset' as const),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(sliver, { minLength: 1, maxLength: 4 }),
        fc.array(cut, { maxLength: 5 }),
        async (lengths, plan) => {
          await newReader()
          server.node.slivers.stored.clear()
          const stored = store(lengths)
          const got = await fetchOver(plan, lengths.length)
          for (const [pair, bytes] of stored.entries())
            assert.ok(got[pair] !== undefined && Buffer.compare(got[pair], bytes) === 0, `sliver ${pair}`)
          const size = lengths.reduce((sum, length) => sum + length, 0)
          const most = 1.01 * size + OVERHEAD_BYTES + path!.cuts * (LOST_PER_CUT_BYTES + OVERHEAD_BYTES)
          assert.ok(path!.passed <= most, `${path!.passed} of ${size} bytes, ${path!.cuts} cuts`)
          assert.equal(clock.pauses, path!.cuts)
        },
      ),
      { numRuns: 10 },
    )
  })

  it('is given up after the fifth time, with what happened', async () => {
    store([2_000 * KIB])
    const cut = { afterBytes: 200 * KIB, kind: 'end' as const }
    await assert.rejects(
      fetchOver(
        Array.from({ length: 7 }, () => cut),
        1,
      ),
      (error: unknown) => {
        assert.ok(error instanceof ProtocolError && !error.remote)
        assert.match(error.code, /^(CONNECTION_LOST|TRUNCATED)$/)
        return true
      },
    )
    assert.equal(clock.pauses, 5)
    assert.equal(path!.cuts, 6)
  })

  describe('beside which a better one opens', () => {
    const MIB = 1024 * KIB

    /** Fetches slivers over a path that looks relayed and carries `afterBytes`; a direct one opens then. */
    const fetchOverRelay = async (lengths: number[], afterBytes: number): Promise<void> => {
      const stored = store(lengths)
      path = await cuttingProxy(server.address, [{ afterBytes, kind: 'hold' }])
      const relayed = await reader.libp2p.dial(path.address.multiaddrs.map(text => multiaddr(text)))
      Object.assign(relayed, { direct: false })
      const got: (Uint8Array | undefined)[] = []
      const fetching = (async () => {
        const { address } = path!
        const asked = items(lengths.length).map((item, i) => ({ ...item, maxBytes: lengths[i]! }))
        for await (const { ref, bytes } of reader.client.fetch(address, asked)) got[ref.pair] = bytes
      })()
      await eventually(
        () => path!.cuts === 1,
        () => `${path!.passed} bytes`,
      )
      await reader.libp2p.dial(
        server.address.multiaddrs.map(text => multiaddr(text)),
        { force: true },
      )
      path.release()
      await fetching
      for (const [pair, bytes] of stored.entries())
        assert.ok(got[pair] !== undefined && Buffer.compare(got[pair], bytes) === 0, `sliver ${pair}`)
      assert.equal(clock.pauses, 0)
    }

    it('moves over with what is lacking, in the middle of a sliver', async () => {
      await fetchOverRelay([1 * MIB, 8 * MIB], 3 * MIB)
      // what was under way in between is lost
      assert.ok(path!.passed < 7 * MIB, `${path!.passed}`)
    })

    it('stays where it is when little is lacking', async () => {
      await fetchOverRelay([3 * MIB, 3 * MIB], 3 * MIB)
      assert.ok(path!.passed >= 6 * MIB, `${path!.passed}`)
    })
  })

  it('holds no sliver that it has given', async () => {
    const many = Array.from({ length: 100 }, () => 64 * KIB)
    const bytes = new Uint8Array(64 * KIB)
    for (const pair of many.keys()) server.node.slivers.stored.set(keyOf(blobId(1), primary(pair)), bytes)
    const collect = gc()
    const given: WeakRef<ArrayBufferLike>[] = []
    const held = (): number => given.filter(sliver => sliver.deref() !== undefined).length
    for await (const { bytes: sliver } of reader.client.fetch(server.address, items(many.length))) {
      given.push(new WeakRef(sliver!.buffer))
      if (given.length % 25 !== 0) continue
      await eventually(
        () => {
          collect()
          return held() < 8
        },
        () => `${held()} of ${given.length} are held`,
        20_000,
      )
    }
    assert.equal(given.length, many.length)
  })

  it('asks for ranges, and gets what there is of them', async () => {
    const [bytes] = store([1_000]) as [Uint8Array]
    const got: number[][] = []
    const ranges = [
      { offset: 10, length: 20 },
      { offset: 990, length: 20 },
      { offset: 1_000 },
      { offset: 5_000, length: 1 },
      { length: 0 },
      { offset: 998 },
    ]
    const asked = ranges.map(range => ({ ...items(1)[0]!, ...range }))
    const pieces: number[] = []
    const onBytes = (bytes: number) => void pieces.push(bytes)
    for await (const { bytes } of reader.client.fetch(server.address, asked, { onBytes }))
      got.push([...bytes!])
    assert.deepEqual(pieces, [0, 20, 0, 10, 0, 0, 0, 0, 2])
    const expected = ranges.map(({ offset = 0, length = 1_000 }) => [
      ...bytes.subarray(offset, offset + length),
    ])
    assert.deepEqual(got, expected)
  })

  it('pays with its rate for all that the node reads, also when it asks for single bytes', async () => {
    const slept: number[] = []
    class Sleepless extends Clock {
      override async sleep(ms: number): Promise<void> {
        slept.push(ms)
      }
    }
    const peer = { ...QUOTAS.peer, bytesPerSecond: 1_000 * KIB, burstBytes: 1_000 * KIB }
    server = await peers.server({ clock: new Sleepless(systemTimers), quotas: { ...QUOTAS, peer } })
    store([4_000 * KIB])
    const asked = Array.from({ length: 3 }, () => ({ ...items(1)[0]!, offset: 7, length: 1 }))
    let answers = 0
    for await (const _ of reader.client.fetch(server.address, asked)) answers++
    assert.equal(answers, 3)
    // 12 MiB were read, and one of them was free
    assert.ok(Math.max(...slept) > 8_000, `${slept}`)
  })
})
