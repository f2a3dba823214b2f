import assert from 'node:assert/strict'
import type { Certificate, Epoch } from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/errors.ts'
import { CertifiedMessage } from '../../../protocols/gossip/messages.ts'
import { createCertifiedValidator } from '../../../protocols/gossip/validator.ts'
import { CERTIFIED_TOPIC } from '../../../protocols/specs.ts'

const { signal } = new AbortController()
const certificate = (byte: number, signatureByte = 0): Certificate => ({
  epoch: 1 as Epoch,
  signers: [0],
  message: new Uint8Array(43).fill(byte),
  signature: new Uint8Array(96).fill(signatureByte),
})
const encoded = (...args: Parameters<typeof certificate>) => CertifiedMessage.encode(certificate(...args))

describe('certified validator', () => {
  let now: number
  let checked: number
  let accepted: number
  let outcome: (one: Certificate) => Promise<void>

  beforeEach(() => {
    now = 0
    checked = 0
    accepted = 0
    outcome = async () => {}
  })
  const make = () =>
    createCertifiedValidator(
      {
        isMember: peer => peer.startsWith('member'),
        check(one) {
          checked++
          return outcome(one)
        },
        accepted: () => void accepted++,
      },
      { monotonic: () => now },
    )

  it('rejects unsigned and oversized messages, ignores strangers, all without a check', async () => {
    const validator = make()
    assert.equal(await validator.judge(encoded(1), undefined, signal), 'reject')
    const large = new Uint8Array(CERTIFIED_TOPIC.maxBytes + 1)
    assert.equal(await validator.judge(large, 'member', signal), 'reject')
    assert.equal(await validator.judge(encoded(1), 'stranger', signal), 'ignore')
    assert.equal(await validator.judge(Uint8Array.of(1, 2), 'member', signal), 'reject')
    assert.equal(checked, 0)
  })

  it('checks what is certified once, whoever publishes it', async () => {
    const validator = make()
    const both = [
      validator.judge(encoded(1, 1), 'member a', signal),
      validator.judge(encoded(1, 2), 'member b', signal),
    ]
    assert.deepEqual(await Promise.all(both), ['accept', 'ignore'])
    assert.equal(await validator.judge(encoded(1, 3), 'member c', signal), 'ignore')
    assert.deepEqual([checked, accepted], [1, 1])
    assert.equal(await validator.judge(encoded(2), 'member a', signal), 'accept')
  })

  it('does not let a bad certificate shadow the good one of the same blob', async () => {
    outcome = async one => {
      await new Promise(resolve => setImmediate(resolve))
      if (one.signature[0] === 9) throw new ProtocolError('CERTIFICATE_INVALID', { details: { blobId: 'A' } })
    }
    const validator = make()
    const both = [
      validator.judge(encoded(1, 9), 'member a', signal),
      validator.judge(encoded(1, 1), 'member b', signal),
    ]
    assert.deepEqual(await Promise.all(both), ['reject', 'accept'])
  })

  it('blames nobody for what this node cannot tell', async () => {
    const validator = make()
    outcome = async () => {
      throw new ProtocolError('CHAIN_UNAVAILABLE')
    }
    assert.equal(await validator.judge(encoded(1), 'member', signal), 'ignore')
    outcome = async () => {
      throw new Error('disk')
    }
    assert.equal(await validator.judge(encoded(1), 'member', signal), 'ignore')
    outcome = async () => {}
    assert.equal(await validator.judge(encoded(1), 'member', signal), 'accept')
  })

  it('stops checking for a member whose certificates do not hold, for a while', async () => {
    outcome = async () => {
      throw new ProtocolError('CERTIFICATE_INVALID', { details: { blobId: 'A' } })
    }
    const validator = make()
    for (let i = 0; i < CERTIFIED_TOPIC.faultBurst; i++) {
      assert.equal(await validator.judge(encoded(i), 'member a', signal), 'reject')
    }
    assert.equal(await validator.judge(encoded(200), 'member a', signal), 'ignore')
    assert.equal(checked, CERTIFIED_TOPIC.faultBurst)
    assert.equal(await validator.judge(encoded(201), 'member b', signal), 'reject')
    now = 61_000
    assert.equal(await validator.judge(encoded(202), 'member a', signal), 'reject')
  })

  it('limits how fast a member may publish', async () => {
    const validator = make()
    const verdicts = []
    for (let i = 0; i < CERTIFIED_TOPIC.burst + 10; i++) {
      verdicts.push(await validator.judge(encoded(1, i), 'member', signal))
    }
    assert.equal(checked, 1)
    assert.equal(await validator.judge(encoded(2), 'member', signal), 'ignore')
    now = 1_000
    assert.equal(await validator.judge(encoded(2), 'member', signal), 'accept')
    assert.ok(verdicts.slice(1).every(verdict => verdict === 'ignore'))
  })

  it('bounds the checks under way', async () => {
    const gate = Promise.withResolvers<void>()
    outcome = () => gate.promise
    const validator = make()
    const judged = Array.from({ length: CERTIFIED_TOPIC.pendingChecks + 3 }, (_, i) =>
      validator.judge(encoded(i), 'member', signal),
    )
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(checked, CERTIFIED_TOPIC.pendingChecks)
    gate.resolve()
    const verdicts = await Promise.all(judged)
    assert.equal(verdicts.filter(verdict => verdict === 'ignore').length, 3)
  })

  it('bounds the checks in a second, of all members together, and ignores the rest', async () => {
    const validator = make()
    const { checkBurst, checksPerSecond } = CERTIFIED_TOPIC
    for (let i = 0; i < checkBurst; i++)
      assert.equal(await validator.judge(encoded(i), `member ${i}`, signal), 'accept')
    assert.equal(await validator.judge(encoded(250), 'member', signal), 'ignore')
    assert.equal(checked, checkBurst)
    now += 1_000 / checksPerSecond
    assert.equal(await validator.judge(encoded(250), 'member', signal), 'accept')
  })

  it('knows its own when they come back', async () => {
    const validator = make()
    validator.remember(certificate(1))
    assert.equal(await validator.judge(encoded(1), 'member', signal), 'ignore')
    assert.equal(checked, 0)
  })
})
