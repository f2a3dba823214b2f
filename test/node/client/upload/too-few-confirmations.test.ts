import assert from 'node:assert/strict'
import type { BlobId } from '../../../../codec/types.ts'
import { isClientError } from '../../../../node/client/errors.ts'
import { tooFewConfirmations } from '../../../../node/client/upload/send-and-certify.ts'
import { ProtocolError, type ProtocolErrorCode } from '../../../../protocols/index.ts'
import { fakeCommittee } from '../../../support/fake-peers.ts'

describe('an upload that too few confirmed', () => {
  const told = (said: Partial<Record<ProtocolErrorCode, number>>, remote = true) => {
    const refusals = Object.entries(said).flatMap(([code, count]) =>
      Array.from({ length: count }, () => {
        const cause = new ProtocolError(code as ProtocolErrorCode, { remote })
        return new Error(`node: ${cause.message}`, { cause })
      }),
    )
    const error = tooFewConfirmations('B' as BlobId, fakeCommittee(13, 100), {
      confirmedShards: 31,
      refusals,
    })
    assert.ok(isClientError(error))
    return error
  }

  it('says what most of those who refused it say', () => {
    const cases = [
      [{ NO_SPACE: 6 }, 'NO_SPACE', '6 of 13 nodes have no space left: '],
      [{ NO_SPACE: 3, UNREACHABLE: 3 }, 'NO_SPACE', '3 of 13 nodes have no space left: '],
      [{ BUSY: 4, TOO_MANY_FAILURES: 2, NO_SPACE: 1 }, 'NODES_BUSY', '6 of 13 nodes are too busy: '],
      [{ NO_SPACE: 1, BUSY: 1, UNREACHABLE: 4 }, 'TOO_FEW_CONFIRMATIONS', ''],
      [{}, 'TOO_FEW_CONFIRMATIONS', ''],
    ] as const
    for (const [said, code, head] of cases) {
      const error = told(said)
      assert.equal(error.code, code)
      assert.equal(error.message, `${head}nodes with 31 of 100 shards confirmed the upload; 67 are needed`)
    }
  })

  it('counts those that say so in any case', () => {
    assert.deepEqual(told({ NO_SPACE: 1, BUSY: 2, UNREACHABLE: 4 }).details, {
      blobId: 'B',
      confirmedShards: 31,
      neededShards: 67,
      nodes: 13,
      noSpaceNodes: 1,
      busyNodes: 2,
    })
    // what this side noticed by itself nobody has said
    assert.equal(told({ NO_SPACE: 6 }, false).code, 'TOO_FEW_CONFIRMATIONS')
  })
})
