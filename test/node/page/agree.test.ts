import assert from 'node:assert/strict'
import type { Committees } from '../../../chain/types/index.ts'
import { agreeOnCommittee, answeringFirst, PageError } from '../../../node/page/agree.ts'

const committees = (epoch: number, key = 1) =>
  ({
    epoch,
    current: {
      epoch,
      nShards: 2,
      members: [{ nodeId: '0x1', name: 'a', shards: [0, 1], networkPublicKey: new Uint8Array(33).fill(key) }],
    },
  }) as unknown as Committees

/** Says these one after the other, the last for good. */
function rpc(url: string, ...says: (Committees | Error)[]) {
  let asked = 0
  return {
    url,
    chain: {
      async committees() {
        const said = says[Math.min(asked++, says.length - 1)]!
        if (said instanceof Error) throw said
        return said
      },
    },
  }
}

describe('the committee by several Sui RPCs', () => {
  let pauses: number
  const pause = async () => void pauses++
  const grace = () => new Promise<void>(() => undefined)
  beforeEach(() => {
    pauses = 0
  })

  it('is taken when all that answer say the same, and who is silent is told', async () => {
    const rpcs = [rpc('a', new Error('down')), rpc('b', committees(3)), rpc('c', committees(3))]
    const { answers, committee } = await agreeOnCommittee(rpcs, { pause, grace })
    assert.equal(committee.epoch, 3)
    assert.deepEqual(answers[0], { url: 'a' })
    assert.match(answers[1]!.digest!, /^[\da-f]{16}$/)
    assert.equal(answers[1]!.digest, answers[2]!.digest)
    assert.equal(pauses, 0)
  })

  it('is not taken when one tells other keys, and both are named with what they say', async () => {
    const rpcs = [rpc('https://a', committees(3)), rpc('https://b', committees(3, 2))]
    await assert.rejects(agreeOnCommittee(rpcs, { pause, grace }), error => {
      assert.ok(error instanceof PageError && error.code === 'RPCS_DISAGREE')
      const { answers } = error.details as { answers: { url: string; digest: string }[] }
      for (const { url, digest } of answers)
        assert.ok(error.message.includes(`${url} says epoch 3, committee ${digest}`))
      return true
    })
    assert.equal(pauses, 2)
  })

  it('is taken when one only was late with the new epoch', async () => {
    const rpcs = [rpc('a', committees(4)), rpc('b', committees(3), committees(4))]
    const { committee } = await agreeOnCommittee(rpcs, { pause, grace })
    assert.deepEqual([committee.epoch, pauses], [4, 1])
  })

  it("is missing when nobody answers, for the first one's reason", async () => {
    await assert.rejects(
      agreeOnCommittee([rpc('a', new Error('down')), rpc('b', new Error('no'))], { pause, grace }),
      {
        message: 'down',
      },
    )
  })

  it('is taken without one that hangs once half have answered, after a grace that ends it', async () => {
    let ended = false
    const hung = {
      url: 'hung',
      chain: {
        committees: ({ signal }: { signal?: AbortSignal } = {}) =>
          new Promise<Committees>((_, reject) =>
            signal?.addEventListener('abort', () => {
              ended = true
              reject(signal.reason)
            }),
          ),
      },
    }
    const over = Promise.withResolvers<void>()
    const graces: AbortSignal[] = []
    const agreed = agreeOnCommittee([hung, rpc('b', committees(3))], {
      pause,
      grace: signal => {
        graces.push(signal)
        return over.promise
      },
    })
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual([graces.length, ended], [1, false])
    over.resolve()
    const { answers, committee } = await agreed
    assert.deepEqual([committee.epoch, ended, graces[0]?.aborted], [3, true, true])
    assert.deepEqual(answeringFirst(answers), ['b', 'hung'])
  })
})
