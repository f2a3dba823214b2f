import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { encodeMetadata } from '../../../../codec/index.ts'
import { openBytes } from '../../../../node/storage/store/open-bytes.ts'
import { type Bandwidth, type BandwidthLimits, createBandwidth } from '../../../../protocols/index.ts'
import { eventually } from '../../../protocols/support/eventually.ts'
import { ask, reasonOf } from '../../../support/http.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { startTestNode, type TestNode } from './support.ts'

const KIB = 1024

describe('node API: a line with limits', () => {
  let node: TestNode
  let clock: VirtualClock
  let bandwidth: Bandwidth
  /** of the sliver that is asked for */
  let length: number
  beforeEach(async () => {
    node = await startTestNode()
    clock = new VirtualClock(Date.UTC(2026, 10, 30, 23))
  })
  afterEach(async () => {
    bandwidth.close()
    await node.close()
  })

  const start = async (limits: BandwidthLimits, bytes = 0): Promise<string> => {
    bandwidth = createBandwidth({ limits, kept: { month: '2026-11', bytes }, clock })
    const slivers = { has: async () => true, open: async () => openBytes(new Uint8Array(length)) }
    const url = await node.api({ slivers, bandwidth })
    return `${url}/v1/blobs/${node.blob.metadata.blobId}/slivers/0/primary`
  }

  it('refuses reads when the month is used up, with the time until it ends, but small ones', async () => {
    const url = await start({ bytesPerMonth: 1_000 }, 1_000)
    length = 256 * KIB + 1
    const refused = await ask(url)
    assert.deepEqual(
      [refused.status, reasonOf(refused), refused.headers['retry-after']],
      [503, 'OVER_CAP', '3600'],
    )
    length = 256 * KIB
    const small = await ask(url)
    assert.deepEqual([small.status, small.body.length], [200, length])
    assert.ok(bandwidth.month().bytes >= 1_000 + length)
    for (let i = 0; i < 3; i++) assert.equal((await ask(url)).status, 200)
    // one after the other, and no more than a few
    const further = await ask(url)
    assert.deepEqual([further.status, further.headers['retry-after']], [503, '64'])
  })

  it('sends no faster than the rate', async () => {
    const url = await start({ upBytesPerSecond: 512 * KIB })
    length = 1_024 * KIB
    const began = clock.monotonic()
    const reading = ask(url)
    await clock.advanceUntil(reading, 1)
    const answer = await reading
    assert.deepEqual([answer.status, answer.body.length], [200, length])
    const seconds = (clock.monotonic() - began) / 1_000
    assert.ok(seconds >= 1.9, `${seconds}`)
  })

  it('lets what comes in wait for its turn as well', async () => {
    const metadata = encodeMetadata(node.blob.metadata).subarray(32)
    const { blobId } = node.blob.metadata
    node.chain.register(blobId, { deletable: false })
    await node.blobs.waitFor(blobId, state => state !== undefined, { timeoutMs: 5_000 })
    const url = await start({ downBytesPerSecond: 1_000 })
    // somebody else has taken a second's worth
    assert.equal(bandwidth.of('another').move('down', 1_000), undefined)
    const put = ask(url.replace('/slivers/0/primary', '/metadata'), {
      method: 'PUT',
      body: metadata,
      headers: { 'content-length': String(metadata.length) },
    })
    await eventually(
      () => bandwidth.view().waiting.down === 1,
      () => 'nobody waits',
    )
    let answered = false
    put.then(() => {
      answered = true
    })
    // what does not wait is answered by then
    for (let i = 0; i < 200; i++) await nextTurn()
    assert.equal(answered, false)
    await clock.advance(1_100)
    assert.equal((await put).status, 200)
    assert.equal(bandwidth.view().moved.down, 1_000 + metadata.length)
  })
})
