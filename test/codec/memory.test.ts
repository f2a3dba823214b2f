import assert from 'node:assert/strict'
import { Allotment, type Arena } from '../../codec/host/arena.ts'
import { ArenaStore } from '../../codec/host/arenas.ts'
import { newBytes } from '../../codec/host/memory.ts'
import { ScratchBlock } from '../../codec/host/scratch.ts'

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

  it('that the engine does not give at all is the same error', () => {
    const { Memory } = WebAssembly
    WebAssembly.Memory = class {
      constructor() {
        throw new RangeError('WebAssembly.Memory(): could not allocate memory')
      }
    } as unknown as typeof Memory
    const store = new ArenaStore(false, () => {})
    try {
      assert.throws(() => store.acquire(MIB), { code: 'OUT_OF_MEMORY' })
    } finally {
      WebAssembly.Memory = Memory
    }
    assert.ok(store.acquire(MIB).capacity >= MIB)
    store.close()
  })

  it('for what is decoded is the same error too', () => {
    const bytes = Number.MAX_SAFE_INTEGER
    assert.throws(() => newBytes(bytes), { code: 'OUT_OF_MEMORY', details: { bytes } })
    assert.deepEqual(newBytes(2), new Uint8Array(2))
  })

  it('for a transform is that of a piece where symbols are cut', () => {
    const scratch = (symbolSize: number, batch = 1) => {
      const allotment = new Allotment()
      const rest = { n: 100, pieceBlocks: 8, repairShards: 0, repairSymbols: 0, leaves: 0, trees: 0 }
      new ScratchBlock(allotment, { ...rest, symbolSize, batch, workShards: 1000 })
      return allotment.size
    }
    const piece = 8 * 64 + 64
    // a symbol that is just not cut takes as much as the pieces of any larger one
    assert.ok(scratch(65_534) <= scratch(piece))
    // symbols side by side are not cut
    assert.ok(scratch(1000, 2) > 1000 * 2 * 1000)
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
