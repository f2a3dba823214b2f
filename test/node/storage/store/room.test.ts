import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import type { writePack } from '../../../../node/storage/store/pack-file.ts'
import { writePack as write } from '../../../../node/storage/store/pack-file.ts'
import { createRoom } from '../../../../node/storage/store/room.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

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
    const room = createRoom({ path: folder.path, log, write: failing, everyMs: 0, minFreeBytes: 0 })
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
    const init = { path: folder.path, log, write, everyMs: 0, minFreeBytes: 500, freeBytes: async () => free }
    const room = createRoom(init)
    await room.expect()
    free = 499
    await assert.rejects(room.expect(), refused)
    free = 500
    await room.expect()
  })

  it('looks no more often than it is told, however often it is asked', async () => {
    let looks = 0
    const room = createRoom({
      path: folder.path,
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
  })

  it('asks the system when it is told nothing', async () => {
    await createRoom({ path: folder.path, log, write, minFreeBytes: 1 }).expect()
    await assert.rejects(
      createRoom({ path: folder.path, log, write, minFreeBytes: Number.MAX_SAFE_INTEGER }).expect(),
      refused,
    )
  })
})
