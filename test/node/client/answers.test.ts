import assert from 'node:assert/strict'
import { Answers } from '../../../node/client/answers.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import { fakeCommittee } from '../../support/fake-peers.ts'

describe('what each node did', () => {
  const { members } = fakeCommittee(10, 10)

  it('is told of those who did not give all, the last that they did, and of as many as people read', () => {
    const answers = new Answers()
    assert.equal(answers.tell(), '')
    const [giving, lacking, lying, back, silent, ...gone] = members
    for (const member of members) answers.asked(member)
    answers.gave(giving!)
    answers.lacked(lacking!)
    answers.wrong(lying!)
    answers.gave(lying!)
    answers.failed(back!, new ProtocolError('BUSY'))
    answers.gave(back!)
    for (const member of gone)
      answers.failed(member, new Error('no', { cause: new ProtocolError('UNREACHABLE') }))
    assert.equal(
      answers.tell(),
      ' (not there: node-1; WRONG: node-2; SILENT: node-4; ' +
        'UNREACHABLE: node-5, node-6, node-7, node-8, node-9)',
    )
    answers.failed(silent!, new ProtocolError('UNREACHABLE'))
    assert.match(answers.tell(), /UNREACHABLE: node-4, node-5, node-6, node-7, node-8 and 1 more\)$/)
    const { nodeId, name } = giving!
    assert.deepEqual(answers.list()[0], { nodeId, name, gave: 1, lacked: 0 })
    assert.equal(answers.list().length, 10)
  })
})
