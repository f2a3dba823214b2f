import { strict as assert } from 'node:assert'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { collectValidity } from '../../../node/storage/collect-validity.ts'
import { fakeBls } from '../../support/fake-bls.ts'
import { fakeCommittee } from '../../support/fake-peers.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const message = Uint8Array.of(1, 2, 3)
const MINUTE = 60_000

describe('signatures of f + 1 shards', () => {
  /** Seven nodes of one shard each, of which three are enough; `answer` says what each of them does, never for silence. */
  function collecting(answer: (index: number) => 'signs' | 'refuses' | 'lies' | 'never') {
    const clock = new VirtualClock()
    const secrets = Array.from({ length: 7 }, (_, i) => new Uint8Array(32).fill(i + 1))
    const committee = fakeCommittee(7, 7)
    for (const [i, member] of committee.members.entries())
      member.blsPublicKey = fakeBls.publicKey(secrets[i]!)
    const asked: number[] = []
    const liars: number[] = []
    const ended: number[] = []
    const signatures = new Map([[0, fakeBls.sign(secrets[0]!, message)]])
    const ask = async ({ index }: CommitteeMember, signal: AbortSignal) => {
      asked.push(index)
      const what = answer(index)
      if (what === 'never') {
        await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
        ended.push(index)
      }
      if (what === 'refuses' || what === 'never') return undefined
      const signature = fakeBls.sign(secrets[what === 'lies' ? 0 : index]!, message)
      return { message, signature }
    }
    const stop = new AbortController()
    const certificate = collectValidity(
      {
        nodeId: committee.members[0]!.nodeId,
        committee,
        bls: fakeBls,
        book: { ranked: members => [...members] },
        clock,
        message,
        signatures,
        ask,
        liar: ({ index }) => void liars.push(index),
      },
      stop.signal,
    )
    return { clock, certificate, asked, liars, ended, signatures, stop }
  }

  it('are asked of just as many as it takes', async () => {
    const { certificate, asked } = collecting(() => 'signs')
    assert.deepEqual((await certificate)?.signers, [0, 1, 2])
    assert.deepEqual(asked, [1, 2])
  })

  it('are asked of others instead of those who refuse, sign wrongly or keep silent', async () => {
    const what = { 1: 'refuses', 2: 'lies', 3: 'never' } as const
    const on = collecting(index => what[index as keyof typeof what] ?? 'signs')
    await on.clock.advance(MINUTE)
    assert.deepEqual((await on.certificate)?.signers.length, 3)
    assert.deepEqual(on.liars, [2])
    assert.deepEqual(on.ended, [3], 'nobody is waited for once there are enough')
  })

  it('are none where too few sign, and those that have come are kept for another attempt', async () => {
    const on = collecting(index => (index === 5 ? 'signs' : 'refuses'))
    assert.equal(await on.certificate, undefined)
    assert.deepEqual([...on.signatures.keys()], [0, 5])
    assert.equal(on.asked.length, 6)
  })

  it('end with the signal, while some are silent', async () => {
    const on = collecting(() => 'never')
    await on.clock.advance(1)
    on.stop.abort(new Error('stopped'))
    await assert.rejects(on.certificate, /stopped/)
    assert.deepEqual(on.ended, on.asked)
  })
})
