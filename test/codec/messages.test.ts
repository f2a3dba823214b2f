import assert from 'node:assert/strict'
import {
  blobIdFromBytes,
  challengeMessage,
  confirmationMessage,
  type Epoch,
  INTENT,
  invalidBlobMessage,
  objectIdFromBytes,
  parseConfirmationMessage,
  parseInvalidBlobMessage,
  proofOfPossessionMessage,
} from '../../codec/index.ts'

const epoch = 0x01020304 as Epoch
const id = Uint8Array.from({ length: 32 }, (_, i) => i)
const blobId = blobIdFromBytes(id)
const objectId = objectIdFromBytes(id.map(byte => byte + 100))
const header = (intent: number) => [intent, 0, 3, 4, 3, 2, 1]

describe('signed messages', () => {
  it('confirm a permanent blob', () => {
    const message = confirmationMessage({ epoch, blobId, persistence: { kind: 'permanent' } })
    assert.deepEqual([...message], [...header(1), ...id, 0])
    assert.deepEqual(parseConfirmationMessage(message), { epoch, blobId, persistence: { kind: 'permanent' } })
  })

  it('confirm a deletable blob', () => {
    const persistence = { kind: 'deletable', objectId } as const
    const message = confirmationMessage({ epoch, blobId, persistence })
    assert.deepEqual([...message], [...header(1), ...id, 1, ...id.map(byte => byte + 100)])
    assert.deepEqual(parseConfirmationMessage(message), { epoch, blobId, persistence })
  })

  it('prove possession of a key', () => {
    const publicKey = new Uint8Array(48).fill(9)
    const message = proofOfPossessionMessage({ epoch, address: objectId, publicKey })
    assert.deepEqual([...message], [...header(0), ...id.map(byte => byte + 100), ...publicKey])
    assert.throws(
      () => proofOfPossessionMessage({ epoch, address: objectId, publicKey: new Uint8Array(47) }),
      { code: 'MALFORMED' },
    )
  })

  it('declare a blob invalid', () => {
    const message = invalidBlobMessage({ epoch, blobId })
    assert.deepEqual([...message], [...header(INTENT.invalidBlobId), ...id])
    assert.deepEqual(parseInvalidBlobMessage(message), { epoch, blobId })
    assert.throws(() => parseInvalidBlobMessage(Uint8Array.from([...message, 0])), { code: 'MALFORMED' })
  })

  it('say that a challenge was passed, under an app ID of their own', () => {
    const root = new Uint8Array(32).fill(7)
    const seed = new Uint8Array(32).fill(8)
    const body = { epoch, round: 2, nodeId: objectId, root, seed }
    const start = [0, 0, 70, 4, 3, 2, 1, 2]
    assert.deepEqual([...challengeMessage(body)], [...start, ...id.map(byte => byte + 100), ...root, ...seed])
    for (const wrong of [{ root: root.subarray(1) }, { seed: new Uint8Array(33) }])
      assert.throws(() => challengeMessage({ ...body, ...wrong }), { code: 'MALFORMED' })
    for (const round of [-1, 256, 0.5])
      assert.throws(() => challengeMessage({ ...body, round }), { code: 'INVALID_ARGUMENT' })
  })

  it('are refused in any other form', () => {
    const message = [...confirmationMessage({ epoch, blobId, persistence: { kind: 'permanent' } })]
    const refused = (bytes: number[]) =>
      assert.throws(() => parseConfirmationMessage(Uint8Array.from(bytes)), { code: 'MALFORMED' })
    for (let length = 0; length < message.length; length++) refused(message.slice(0, length))
    refused([...message, 0])
    for (const [at, value] of [
      [0, 2],
      [1, 1],
      [2, 0],
      [39, 2],
      [39, 1],
    ] as const)
      refused(message.with(at, value))
  })

  it('have an epoch of 32 bits', () => {
    for (const wrong of [-1, 2 ** 32, 0.5]) {
      assert.throws(() => invalidBlobMessage({ epoch: wrong as Epoch, blobId }), { code: 'INVALID_ARGUMENT' })
    }
  })
})
