import assert from 'node:assert/strict'
import type { StorageObject } from '../../../chain/types/index.ts'
import { parseObjectId } from '../../../codec/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { mergeOrder } from '../../../node/cli/storages/merge-order.ts'

describe('storage that is merged', () => {
  let made = 0
  const storage = (startEpoch: number, endEpoch: number, bytes: number): StorageObject => ({
    id: parseObjectId(`0x${(++made).toString(16)}`),
    startEpoch: startEpoch as Epoch,
    endEpoch: endEpoch as Epoch,
    storageSize: BigInt(bytes),
  })

  it('is added in the order in which it fits', () => {
    const first = storage(3, 5, 10)
    const [after, before, beside, last] = [
      storage(5, 9, 30),
      storage(1, 3, 10),
      storage(1, 5, 20),
      storage(9, 10, 30),
    ]
    const { order, merged } = mergeOrder(first, [last, after, beside, before])
    assert.deepEqual(order, [before, beside, after, last])
    assert.deepEqual(merged, { ...first, startEpoch: 1, endEpoch: 10, storageSize: 30n })
  })

  it('is of the same time, or of the same size and adjacent', () => {
    const first = storage(3, 5, 10)
    for (const other of [
      storage(3, 6, 10),
      storage(5, 6, 11),
      storage(6, 7, 10),
      storage(1, 2, 10),
      storage(2, 4, 10),
    ])
      assert.throws(() => mergeOrder(first, [other]), /cannot be added/)
  })
})
