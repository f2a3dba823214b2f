import assert from 'node:assert/strict'
import type { CommitteeMember, Committees } from '../../../../chain/types/index.ts'
import type { BlobMetadata } from '../../../../codec/types.ts'
import { createMetadataFinder } from '../../../../node/storage/recovery/find-metadata.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import { blobId, metadataOf } from '../../../protocols/support/fakes.ts'
import { fakeCommittee } from '../../../support/fake-peers.ts'

describe('metadata that is looked for at peers', () => {
  const N = 10
  const current = fakeCommittee(4, N)
  const [own, ...others] = current.members
  const right = { ...metadataOf(blobId(1), 1_000), nShards: N } as BlobMetadata
  const disk = Object.assign(new Error('full'), { code: 'ENOSPC' })
  let failed: string[]
  let accused: string[]
  const find = async (answers: (BlobMetadata | undefined | Error)[], put = async () => undefined) => {
    failed = []
    accused = []
    const finder = createMetadataFinder({
      nodeId: own!.nodeId,
      nShards: N,
      codec: { isMetadata: async metadata => metadata === right },
      peers: {
        async metadata() {
          const answer = answers.shift()
          if (answer instanceof Error) throw answer
          return answer
        },
      },
      book: {
        address: () => ({ peerId: '', multiaddrs: [] }),
        ranked: members => [...members],
        failed: ({ name }: CommitteeMember) => void failed.push(name),
      },
      metadata: { put },
      accuse: ({ name }) => void accused.push(name),
    })
    const committees = { epoch: current.epoch, current } as Committees
    return await finder(blobId(1), committees, new AbortController().signal)
  }
  const names = others.map(({ name }) => name)

  it('is taken from the first who has it; who is away, or has another, is remembered', async () => {
    const wrong = metadataOf(blobId(1), 7)
    assert.equal(await find([new ProtocolError('UNREACHABLE'), wrong, right]), right)
    assert.deepEqual([failed, accused], [[names[0]], [names[1]]])
    assert.equal(await find([undefined, undefined, undefined]), undefined)
    assert.deepEqual([failed, accused], [[], []])
  })

  it('is nobody’s fault when it cannot be stored, and nobody else is asked', async () => {
    const answers = [right, right, right]
    await assert.rejects(
      find(answers, async () => Promise.reject(disk)),
      disk,
    )
    assert.deepEqual([failed, accused, answers.length], [[], [], 2])
  })
})
