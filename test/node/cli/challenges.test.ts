import assert from 'node:assert/strict'
import type { ChallengeStanding } from '../../../chain/types/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { challenges } from '../../../node/cli/networks/challenges.ts'
import { fakeCommittee } from '../../support/fake-peers.ts'

describe('floe info challenges', () => {
  const epoch = 7 as Epoch
  const current = { ...fakeCommittee(4, 10), epoch }
  const [first, second, third, fourth] = current.members
  const standing: ChallengeStanding = {
    epoch,
    round: 1,
    isDrawn: true,
    commitUntilMs: 1_000,
    passUntilMs: 2_000,
    committed: [first!.nodeId, second!.nodeId, third!.nodeId],
    passed: [first!.nodeId],
    passedShards: 3,
  }
  const part = { epoch, round: 1, state: 'drawn', refusals: [] }

  it('tells of the newest round who has committed and passed, and who refused whom and why', () => {
    const parts = new Map([
      [
        second!.nodeId,
        { ...part, refusals: [{ nodeId: third!.nodeId, code: 'WRONG_PROOF' }, { code: 'BUSY' }] },
      ],
      [third!.nodeId, { ...part, epoch: 6, refusals: [{ code: 'OF_AN_EARLIER_EPOCH' }] }],
    ])
    const { value, text } = challenges({ epoch, current }, [{ ...standing, round: 0 }, standing], parts)
    const { nodes } = value as {
      nodes: { name: string; committed: boolean; passed: boolean; state?: string; refusals: object[] }[]
    }
    const byName = new Map(nodes.map(node => [node.name, node]))
    const told = [first, second, third, fourth].map(member => {
      const { committed, passed, state, refusals } = byName.get(member!.name)!
      return [committed, passed, state, refusals]
    })
    assert.deepEqual(told, [
      [true, true, undefined, []],
      [
        true,
        false,
        'drawn',
        [
          { by: third!.name, code: 'WRONG_PROOF' },
          { by: 'a node', code: 'BUSY' },
        ],
      ],
      [true, false, undefined, []],
      [false, false, undefined, []],
    ])
    assert.match(String(text), /Epoch 7, round 1: drawn.* 3 nodes committed, 1 passed, with 3 of 10 shards/)
    assert.match(String(text), /Epoch 7, round 0/)
    assert.match(String(text), new RegExp(`${third!.name}: WRONG_PROOF, a node: BUSY`))
    assert.doesNotMatch(String(text), /EARLIER/)
  })

  it('tells that there is none yet', () => {
    const { text } = challenges({ epoch, current }, [], new Map([[first!.nodeId, part]]))
    assert.match(String(text), /Epoch 7: no round has been opened yet/)
  })
})
