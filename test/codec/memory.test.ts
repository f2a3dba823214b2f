import assert from 'node:assert/strict'
import type { Arena } from '../../codec/host/arena.ts'
import { ArenaStore } from '../../codec/host/arenas.ts'

const MIB = 2 ** 20

describe('memory of the codec', () => {
  it('is used again: the smallest that suffices, else the largest, grown', () => {
    const store = new ArenaStore(false, () => {})
    const small = store.acquire(MIB)
    const large = store.acquire(8 * MIB)
    store.release(large)
    store.release(small)
    assert.equal(store.acquire(MIB / 2), small)
    store.release(small)
    assert.equal(store.acquire(2 * MIB), large)
    store.release(large)
    assert.equal(store.acquire(16 * MIB), large)
    assert.ok(large.capacity >= 16 * MIB)
    store.release(large)
    store.close()
  })

  it('is given back after idling, and what is in use is not', async () => {
    const dropped: Arena[] = []
    let store: ArenaStore | undefined
    const drops = new Promise<void>(resolve => {
      store = new ArenaStore(
        true,
        arena => {
          dropped.push(arena)
          resolve()
        },
        5,
      )
    })
    const used = store!.acquire(MIB)
    const idle = store!.acquire(MIB)
    store!.release(idle)
    await drops
    assert.deepEqual(dropped, [idle])
    assert.notEqual(store!.acquire(MIB), idle)
    store!.release(used)
    store!.close()
    assert.deepEqual(dropped, [idle, used])
  })

  it('is not kept beyond a few pieces', () => {
    let dropped = 0
    const store = new ArenaStore(false, () => dropped++)
    const arenas = Array.from({ length: 10 }, () => store.acquire(MIB))
    for (const arena of arenas) store.release(arena)
    assert.equal(dropped, 6)
    store.close()
    assert.equal(dropped, 10)
  })

  it('that cannot be had is an error, and what was there is still good', () => {
    const store = new ArenaStore(false, () => {})
    assert.throws(() => store.acquire(5 * 2 ** 30), {
      code: 'OUT_OF_MEMORY',
      details: { bytes: 5 * 2 ** 30 },
    })
    assert.ok(store.acquire(MIB).capacity >= MIB)
    store.close()
  })
})
