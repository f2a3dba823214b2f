import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../../base/log.ts'
import type { BlobId, SliverPairIndex } from '../../../codec/types.ts'
import { openSliverFiles, type SliverFilesInit } from '../../../node/client/sliver-files.ts'
import { anyBlobId } from '../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const BYTES = 1_000
const pairOf = (pair: number) => pair as SliverPairIndex

describe('the cache of slivers', () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>
  let folder: string
  let clock: VirtualClock
  let blobId: BlobId
  beforeEach(async () => {
    temporary = await temporaryFolder()
    folder = join(temporary.path, 'slivers')
    clock = new VirtualClock(Date.UTC(2026, 0, 1))
    blobId = anyBlobId()
  })
  afterEach(() => temporary.remove())

  const open = (init: Partial<SliverFilesInit> = {}) =>
    openSliverFiles({ folder, ...init }, { clock, log: silentLog() })
  const put = async (init: Partial<SliverFilesInit>, slivers: Record<number, Uint8Array>) => {
    const cache = await open(init)
    for (const [pair, bytes] of Object.entries(slivers)) cache.put(blobId, pairOf(Number(pair)), bytes)
    await cache.close()
  }
  const sizeOf = async () => {
    const sizes = (await readdir(folder)).map(async name => (await stat(join(folder, name))).size)
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  }

  it('gives what was kept, to the next process as well', async () => {
    const [one, two] = [randomBytes(BYTES), randomBytes(BYTES)]
    await put({}, { 0: one, 65535: two })
    const cache = await open()
    assert.deepEqual([...cache.pairs(blobId)].sort(), [0, 65535])
    assert.deepEqual(cache.pairs(anyBlobId()), [])
    assert.ok(one.equals((await cache.get(blobId, pairOf(0), BYTES))!))
    assert.ok(two.equals((await cache.get(blobId, pairOf(65535), BYTES))!))
    assert.equal(await cache.get(blobId, pairOf(1), BYTES), undefined)
    await cache.close()
  })

  it('does not give what was cut short, has another length or is gone, and keeps it anew', async () => {
    const bytes = randomBytes(BYTES)
    await put({}, { 0: bytes, 1: bytes, 2: bytes })
    const cache = await open()
    const names = (await readdir(folder)).sort()
    await truncate(join(folder, names[0]!), BYTES - 1)
    await rm(join(folder, names[1]!))
    for (const [pair, length] of [
      [0, BYTES],
      [1, BYTES],
      [2, BYTES - 1],
    ] as const)
      assert.equal(await cache.get(blobId, pairOf(pair), length), undefined)
    assert.deepEqual(cache.pairs(blobId), [])
    cache.put(blobId, pairOf(0), bytes)
    await cache.close()
    const again = await open()
    assert.deepEqual(again.pairs(blobId), [0])
    assert.ok(bytes.equals((await again.get(blobId, pairOf(0), BYTES))!))
  })

  it('holds its limit, and the longest unused go first', async () => {
    const init = { maxBytes: 3 * BYTES }
    const cache = await open(init)
    for (let pair = 0; pair < 3; pair++) {
      cache.put(blobId, pairOf(pair), randomBytes(BYTES))
      await clock.advance(1_000)
    }
    await cache.close()
    const again = await open(init)
    assert.ok(await again.get(blobId, pairOf(0), BYTES))
    again.put(blobId, pairOf(3), randomBytes(BYTES))
    again.put(blobId, pairOf(4), randomBytes(3 * BYTES + 1))
    await again.close()
    assert.deepEqual((await open(init)).pairs(blobId).toSorted(), [0, 2, 3])
    assert.equal(await sizeOf(), 3 * BYTES)
    // a smaller one from now on
    await (await open({ maxBytes: BYTES })).close()
    assert.equal(await sizeOf(), BYTES)
  })

  it('sees after a while what another process has kept, so that both hold the limit', async () => {
    const init = { maxBytes: 8 * BYTES }
    const [one, two] = [await open(init), await open(init)]
    for (let pair = 0; pair < 40; pair++) {
      const cache = pair % 2 === 0 ? one : two
      cache.put(blobId, pairOf(pair), randomBytes(BYTES))
      await clock.advance(1)
    }
    await Promise.all([one.close(), two.close()])
    // what one keeps while the other looks
    assert.ok((await sizeOf()) <= 10 * BYTES, `${await sizeOf()} bytes`)
  })

  it('forgets what was not used for long', async () => {
    const init = { maxAgeMs: 60_000 }
    await put(init, { 0: randomBytes(BYTES), 1: randomBytes(BYTES) })
    await clock.advance(50_000)
    const cache = await open(init)
    assert.ok(await cache.get(blobId, pairOf(0), BYTES))
    await clock.advance(20_000)
    assert.ok(await cache.get(blobId, pairOf(0), BYTES))
    assert.equal(await cache.get(blobId, pairOf(1), BYTES), undefined)
    await cache.close()
    assert.deepEqual((await open(init)).pairs(blobId), [0])
  })

  it('drops what was found to be wrong, and leaves files of others alone', async () => {
    await put({}, { 0: randomBytes(BYTES) })
    await writeFile(join(folder, 'notes.txt'), '')
    const cache = await open()
    cache.drop(blobId, pairOf(0))
    assert.equal(await cache.get(blobId, pairOf(0), BYTES), undefined)
    await cache.close()
    assert.deepEqual(await readdir(folder), ['notes.txt'])
  })
})
