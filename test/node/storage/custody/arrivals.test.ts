import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import {
  ARRIVAL_MEMORY_BYTES,
  type Arrivals,
  openArrivals,
} from '../../../../node/storage/custody/arrivals.ts'
import { createSliverVerifier } from '../../../../node/storage/custody/verifier.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

describe('slivers on their way in', () => {
  const LARGE = 3 * ARRIVAL_MEMORY_BYTES
  const never = new AbortController().signal
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let path: string
  /** for how many bytes room was asked */
  let asked: number[]
  let isFull: boolean
  let arrivals: Arrivals

  const open = async () => {
    const codec = { verifySliver: () => Promise.reject(new Error('not asked')) }
    const verifier = createSliverVerifier(
      { codec, slivers: memorySliverStore(), clock: systemClock },
      2 * LARGE,
    )
    const expectRoom = async (bytes: number) => {
      asked.push(bytes)
      if (isFull) throw Object.assign(new Error('no room'), { code: 'ENOSPC' })
    }
    arrivals = await openArrivals({ path, expectRoom, verifier, clock: systemClock })
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    path = join(folder.path, 'arrivals')
    asked = []
    isFull = false
    await open()
  })
  afterEach(() => folder.remove())
  const files = () => readdir(path)

  const fill = async (bytes: Uint8Array) => {
    const arrival = await arrivals.begin(bytes.length)
    const part = new Uint8Array(100_000)
    for (let at = 0; at < bytes.length; at += part.length) {
      const next = bytes.subarray(at, at + part.length)
      part.set(next)
      assert.equal(arrival.isWhole, false)
      await arrival.write(part.subarray(0, next.length))
      part.fill(0)
    }
    assert.equal(arrival.isWhole, true)
    return arrival
  }

  it('are in memory when they are small, and in a file otherwise, until they are dealt with', async () => {
    for (const [length, inFiles] of [
      [0, 0],
      [ARRIVAL_MEMORY_BYTES, 0],
      [ARRIVAL_MEMORY_BYTES + 1, 1],
      [LARGE, 1],
    ] as const) {
      const bytes = randomBytes(length)
      const arrival = length === 0 ? await arrivals.begin(0) : await fill(bytes)
      assert.equal((await files()).length, inFiles)
      const seen = await arrival.whole(never, async whole => Buffer.from(whole))
      assert.ok(seen.equals(bytes))
      await arrival.close()
      await arrival.close()
      assert.deepEqual(await files(), [])
    }
  })

  it('are not more than they said', async () => {
    for (const length of [10, LARGE]) {
      const arrival = await fill(randomBytes(length))
      await assert.rejects(async () => arrival.write(new Uint8Array(1)), RangeError)
      await arrival.close()
    }
  })

  it('are removed when they break off, at the next start if the process is killed', async () => {
    const arrival = await arrivals.begin(LARGE)
    await arrival.write(new Uint8Array(ARRIVAL_MEMORY_BYTES + 1))
    assert.equal((await files()).length, 1)
    await arrival.close()
    assert.deepEqual(await files(), [])
    await mkdir(path, { recursive: true })
    await writeFile(join(path, 'left'), 'over')
    await open()
    assert.deepEqual(await files(), [])
  })

  it('have room on the disk for all of them, or are refused and leave nothing', async () => {
    const [one, two] = [await arrivals.begin(LARGE), await arrivals.begin(LARGE)]
    assert.deepEqual(asked, [LARGE, 2 * LARGE])
    isFull = true
    await assert.rejects(arrivals.begin(LARGE), { code: 'ENOSPC' })
    assert.deepEqual(await files(), [])
    isFull = false
    await one.close()
    await two.close()
    await (await arrivals.begin(LARGE)).close()
    assert.deepEqual(asked.at(-1), LARGE)
  })

  it('are in memory as a whole only when it is their turn, and give it up when they are aborted', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => fill(randomBytes(LARGE))))
    const gates = all.map(() => Promise.withResolvers<void>())
    const abort = new AbortController()
    const full = Promise.withResolvers<void>()
    let working = 0
    let most = 0
    const works = all.map((arrival, i) =>
      arrival.whole(i === 2 ? abort.signal : never, async () => {
        most = Math.max(most, ++working)
        if (working === 2) full.resolve()
        await gates[i]!.promise
        working--
      }),
    )
    abort.abort(new Error('gone'))
    await assert.rejects(works[2]!, /gone/)
    await full.promise
    // as long as another one would need to begin as well
    for (let i = 0; i < 10; i++) await files()
    for (const gate of gates) gate.resolve()
    await Promise.all(works.filter((_, i) => i !== 2))
    assert.equal(most, 2)
    for (const arrival of all) await arrival.close()
  })
})
