import assert from 'node:assert/strict'
import { copyBytes } from '../../codec/host/copy.ts'

describe('copies of bytes', () => {
  const source = Uint8Array.from({ length: 64 }, (_, i) => i + 1)

  it('are exact between all kinds of memory, wherever they start', () => {
    for (const memory of [new ArrayBuffer(128), new SharedArrayBuffer(128)]) {
      for (const from of [0, 1, 3, 8]) {
        for (const at of [0, 2, 8, 61]) {
          const target = new Uint8Array(memory, 8).fill(0)
          const part = source.subarray(from, from + 50)
          copyBytes(target, at, part)
          assert.deepEqual([...target.subarray(at, at + 50)], [...part])
          assert.equal(
            target.reduce((sum, byte) => sum + byte, 0),
            part.reduce((sum, byte) => sum + byte, 0),
          )
          const back = new Uint8Array(52)
          copyBytes(back, 1, target.subarray(at, at + 50))
          assert.deepEqual([...back], [0, ...part, 0])
        }
      }
    }
  })

  it('are whole or none', () => {
    const target = new Uint8Array(66)
    assert.throws(() => copyBytes(target, 3, source), RangeError)
    assert.ok(target.every(byte => byte === 0))
    copyBytes(target, 2, source)
    assert.equal(target[65], 64)
  })
})
