import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { systemClock } from '../../../../base/clock.ts'
import type { writePack } from '../../../../node/storage/store/pack-file.ts'
import { writePack as write } from '../../../../node/storage/store/pack-file.ts'
import { createRoom } from '../../../../node/storage/store/room.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const full = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })

describe('room on the disk', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let lines: [string, string][]
  const log = {
    debug: () => {},
    info: (_: object, message: string) => void lines.push(['info', message]),
    warn: () => {},
    error: (_: object, message: string) => void lines.push(['error', message]),
  }
  beforeEach(async () => {
    folder = await temporaryFolder()
    lines = []
  })
  afterEach(() => folder.remove())
  const refused = { name: 'DiskError', code: 'ENOSPC' }

  it('ends with a write that fails for want of it, and begins again with a test write that succeeds', async () => {
    let broken = true
    const failing: typeof writePack = (...args) => (broken ? Promise.reject(full()) : write(...args))
    const room = createRoom({
      path: folder.path,
      clock: systemClock,
      log,
      write: failing,
      everyMs: 0,
      reservedBytes: 0,
      minFreeBytes: 0,
    })
    await room.expect()
    room.failed(new Error('something else'))
    await room.expect()
    room.failed(new Error('it failed', { cause: full() }))
    for (let i = 0; i < 20; i++) await assert.rejects(room.expect(), refused)
    broken = false
    await room.expect()
    assert.deepEqual(
      lines.map(([level]) => level),
      ['error', 'info'],
    )
    assert.deepEqual(await readdir(folder.path), [])
  })

  it('ends before the last bytes are gone', async () => {
    let free = 1_000
    const init = {
      path: folder.path,
      clock: systemClock,
      log,
      write,
      everyMs: 0,
      reservedBytes: 500,
      minFreeBytes: 100,
      freeBytes: async () => free,
    }
    const room = createRoom(init)
    await room.expect(500)
    await assert.rejects(room.expect(501), refused)
    await room.expectForUpkeep(900)
    await assert.rejects(room.expectForUpkeep(901), refused)
    free = 499
    await assert.rejects(room.expect(), {
      ...refused,
      message: /499 bytes free, and 500 are kept for recovery/,
    })
    await room.expectForUpkeep()
    assert.deepEqual(await room.view(), { freeBytes: 499, reservedBytes: 500, takesUploads: false })
    free = 99
    for (const expect of [room.expect, room.expectForUpkeep])
      await assert.rejects(expect(), { ...refused, message: /^the disk is full/ })
    free = 500
    await room.expect()
    assert.deepEqual(
      lines.map(([level, words]) => [level, /uploads/.test(words)]),
      [
        ['error', true],
        ['error', false],
        ['info', false],
      ],
    )
  })

  it('is the same for both where nothing is reserved, or less than the index needs', async () => {
    const init = { path: folder.path, clock: systemClock, log, write, freeBytes: async () => 499 }
    const room = createRoom({ ...init, reservedBytes: 1, minFreeBytes: 500 })
    for (const expect of [room.expect, room.expectForUpkeep]) await assert.rejects(expect(), refused)
    assert.equal((await room.view()).reservedBytes, 500)
  })

  it('looks no more often than it is told, however often it is asked', async () => {
    const clock = new VirtualClock()
    let looks = 0
    const room = createRoom({
      path: folder.path,
      clock,
      log,
      write,
      everyMs: 60_000,
      freeBytes: async () => {
        looks++
        return 0
      },
    })
    await Promise.all(Array.from({ length: 50 }, () => assert.rejects(room.expect(), refused)))
    for (let i = 0; i < 50; i++) await assert.rejects(room.expect(), refused)
    assert.equal(looks, 1)
    assert.equal(lines.length, 1)
    await clock.advance(59_999)
    await assert.rejects(room.expect(), refused)
    assert.equal(looks, 1)
    await clock.advance(1)
    await assert.rejects(room.expect(), refused)
    assert.equal(looks, 2)
    assert.equal(lines.length, 2)
  })

  it('asks the system when it is told nothing', async () => {
    await createRoom({
      path: folder.path,
      clock: systemClock,
      log,
      write,
      reservedBytes: 1,
      minFreeBytes: 1,
    }).expect()
    await assert.rejects(
      createRoom({
        path: folder.path,
        clock: systemClock,
        log,
        write,
        minFreeBytes: Number.MAX_SAFE_INTEGER,
      }).expect(),
      refused,
    )
  })
})
