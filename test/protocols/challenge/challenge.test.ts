import { strict as assert } from 'node:assert'
import { type ChallengeProof, ProtocolError } from '../../../protocols/index.ts'
import { EPOCH, NETWORK } from '../support/fakes.ts'
import { type TestPeers, testPeers } from '../support/peers.ts'

const query = { epoch: EPOCH, round: 1, nodeId: NETWORK }
const proofOf = (leaf: number): ChallengeProof => ({
  leaf,
  bytes: new Uint8Array(60_000).fill(leaf),
  path: Array.from({ length: 30 }, () => new Uint8Array(32).fill(1)),
  siblings: [new Uint8Array(32).fill(2)],
})
const signed = { message: new Uint8Array(104).fill(3), signature: new Uint8Array(96).fill(4) }

describe('protocol challenge', () => {
  let peers: TestPeers
  beforeEach(() => {
    peers = testPeers()
  })
  afterEach(() => peers.stop())

  /** A server with so many questions, which refuses one of them; and what it was shown. */
  async function looking(questions: number, refused = -1) {
    const server = await peers.server()
    const seen: ChallengeProof[] = []
    let open = 0
    server.node.challenges.open = async asked => {
      assert.deepEqual(asked, query)
      open++
      return {
        kind: 'open',
        questions,
        async check(question, proof) {
          if (question === refused) throw new ProtocolError('CHALLENGE_FAILED', { details: { question } })
          seen.push(proof)
        },
        sign: () => signed,
        close: () => void open--,
      }
    }
    const { client } = await peers.client()
    return { server, client, seen, open: () => open }
  }

  it('shows one proof after the other, and gets what the other side signs', async () => {
    const proofs = [1, 2, 3].map(proofOf)
    const { server, client, seen, open } = await looking(3)
    assert.deepEqual(await client.proveHeld(server.address, query, proofs), signed)
    assert.deepEqual(seen, proofs)
    assert.equal(open(), 0)
    assert.deepEqual(await client.proveHeld(server.address, query, proofs), signed, 'on the same stream')
  })

  it('ends at the first proof that does not hold, however many were to come', async () => {
    const proofs = Array.from({ length: 200 }, (_, i) => proofOf(i % 200))
    const { server, client, seen, open } = await looking(200, 2)
    await assert.rejects(client.proveHeld(server.address, query, proofs), {
      code: 'CHALLENGE_FAILED',
      remote: true,
      details: { question: '2' },
    })
    assert.equal(seen.length, 2)
    assert.equal(open(), 0)
  })

  it('gets what was signed before without showing anything', async () => {
    const { server, client, seen } = await looking(3)
    server.node.challenges.open = async () => ({ kind: 'known', signed })
    assert.deepEqual(await client.proveHeld(server.address, query, [proofOf(1)]), signed)
    assert.equal(seen.length, 0)
  })

  it('breaks off where the other side counts other questions, and tells why there is no round', async () => {
    const { server, client } = await looking(3)
    await assert.rejects(client.proveHeld(server.address, query, [proofOf(1)]), { code: 'VIOLATION' })
    const unknowing = await peers.server()
    await assert.rejects(client.proveHeld(unknowing.address, query, []), { code: 'NO_ROUND', remote: true })
  })

  it('refuses a proof that is larger than any', async () => {
    const { server, client, seen } = await looking(1)
    const large = { ...proofOf(1), bytes: new Uint8Array(80_000) }
    await assert.rejects(client.proveHeld(server.address, query, [large]), {
      code: 'TOO_LARGE',
      remote: true,
    })
    assert.equal(seen.length, 0)
  })
})
