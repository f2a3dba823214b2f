import assert from 'node:assert/strict'
import { InconsistencyAnswer, InconsistencyRequest } from '../../../protocols/inconsistency/messages.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type { InconsistencyClaim, PeerContext } from '../../../protocols/ports.ts'
import { SPECS } from '../../../protocols/specs.ts'
import { writeBody } from '../../../protocols/stream/body.ts'
import type { Channel } from '../../../protocols/stream/channel.ts'
import { encodeFrame } from '../../../protocols/stream/frame.ts'
import { eventually } from '../support/eventually.ts'
import { blobId, INFO, metadataOf } from '../support/fakes.ts'
import type { HandServer } from '../support/hand-server.ts'
import { type TestClient, type TestServer, testPeers } from '../support/peers.ts'
import { greet, hear, say } from '../support/raw.ts'

const metadata = metadataOf(blobId(1), 100_000)
const proof = Uint8Array.from({ length: 700_000 }, (_, i) => i % 251)
const accusation = { metadata, axis: 'secondary', proof } as const
const attestation = { message: new Uint8Array(39).fill(5), signature: new Uint8Array(96).fill(6) }

describe('inconsistency between two peers', () => {
  const peers = testPeers()
  let server: TestServer
  let prover: TestClient
  let claims: (InconsistencyClaim & Pick<PeerContext, 'peer'>)[]
  let judged: Uint8Array[]
  let open: number
  let answer: () => Promise<typeof attestation>

  const chunkTimeoutMs = 500
  beforeEach(async () => {
    const specs = { ...SPECS, inconsistency: { ...SPECS.inconsistency, chunkTimeoutMs } }
    server = await peers.server({ specs })
    prover = await peers.client()
    claims = []
    judged = []
    open = 0
    answer = async () => attestation
    server.node.judge.open = async (claim, { peer }) => {
      claims.push({ ...claim, peer })
      open++
      return {
        kind: 'open',
        judge: async bytes => {
          judged.push(bytes)
          return await answer()
        },
        close: () => void open--,
      }
    }
  })
  // whatever happened, the server goes on serving
  afterEach(async () => {
    assert.deepEqual(await prover.client.nodeInfo(server.address), INFO)
    await eventually(
      () => open === 0,
      () => `${open} hearings are open`,
    )
    await peers.stop()
  })
  const prove = () => prover.client.proveInconsistent(server.address, accusation)
  const claim = (proofBytes: number) => ({ metadata, axis: 'secondary' as const, proofBytes })

  it('brings a proof to a node, and back what it has signed, one after the other on a stream', async () => {
    for (let i = 0; i < 2; i++) assert.deepEqual(await prove(), attestation)
    assert.deepEqual(judged.map(Buffer.from), [Buffer.from(proof), Buffer.from(proof)])
    const [{ peer, axis, proofBytes }] = claims as [(typeof claims)[0]]
    assert.deepEqual([peer, axis, proofBytes], [prover.libp2p.peerId.toString(), 'secondary', proof.length])
    assert.deepEqual(claims[0]!.metadata, metadata)
    assert.equal(server.metrics.moved['inconsistency in'], 2 * proof.length)
  })

  it('sends no proof to a node that knows already', async () => {
    server.node.judge.open = async () => ({ kind: 'known', attestation })
    assert.deepEqual(await prove(), attestation)
    assert.equal(server.metrics.moved['inconsistency in'], undefined)
  })

  it('is refused before a byte of the proof is sent', async () => {
    server.node.judge.open = async () => {
      throw new ProtocolError('BLOB_INVALID', { details: { blobId: blobId(1) } })
    }
    const raw = await greet(prover.libp2p, server.address, 'inconsistency')
    await say(raw, InconsistencyRequest, claim(proof.length))
    assert.equal((await raw.refusal()).code, 'BLOB_INVALID')
    await assert.rejects(prove(), { code: 'BLOB_INVALID', remote: true, details: { blobId: blobId(1) } })
  })

  it('tells the prover that a proof shows nothing', async () => {
    answer = async () => {
      throw new ProtocolError('PROOF_INVALID', { details: { blobId: blobId(1) }, cause: new Error('secret') })
    }
    await assert.rejects(prove(), { code: 'PROOF_INVALID', remote: true })
  })

  it('refuses a request over the limit, trailing bytes, and shapes that there are not', async () => {
    const limit = SPECS.inconsistency.maxRequestBytes
    const large = await greet(prover.libp2p, server.address, 'inconsistency')
    await large.writer.write(encodeFrame(new Uint8Array(limit + 1)).subarray(0, 3))
    assert.equal((await large.refusal()).code, 'TOO_LARGE')
    const request = InconsistencyRequest.encode(claim(10))
    const axisAt = request.length - 5
    for (const bytes of [
      Uint8Array.from([...request, 0]),
      request.subarray(0, -1),
      request.with(axisAt, 2),
      request.with(0, 1),
    ]) {
      const raw = await greet(prover.libp2p, server.address, 'inconsistency')
      await raw.send(bytes)
      assert.equal((await raw.refusal()).code, 'MALFORMED')
    }
    assert.deepEqual(claims, [])
  })

  it('notices a proof that is cut off, or does not come', async () => {
    for (const [ending, code] of [
      ['close', 'TRUNCATED'],
      ['silence', 'TIMEOUT'],
    ]) {
      const raw = await greet(prover.libp2p, server.address, 'inconsistency')
      await say(raw, InconsistencyRequest, claim(proof.length))
      assert.ok('Send' in (await hear(raw, InconsistencyAnswer)))
      await writeBody(raw.writer, proof.subarray(1))
      if (ending === 'close') await raw.writer.close()
      assert.equal((await raw.refusal()).code, code)
    }
    assert.deepEqual(judged, [])
  })

  it('takes what follows a proof for another request', async () => {
    const raw = await greet(prover.libp2p, server.address, 'inconsistency')
    await say(raw, InconsistencyRequest, claim(3))
    assert.ok('Send' in (await hear(raw, InconsistencyAnswer)))
    await raw.writer.write(Uint8Array.of(1, 2, 3, 1, 9))
    assert.ok('Attested' in (await hear(raw, InconsistencyAnswer)))
    assert.equal((await raw.refusal()).code, 'MALFORMED')
    assert.deepEqual(judged.map(Buffer.from), [Buffer.of(1, 2, 3)])
  })

  it('bounds the streams of one peer', async () => {
    const held = []
    for (let i = 0; i < SPECS.inconsistency.streamsPerPeer; i++)
      held.push(await greet(prover.libp2p, server.address, 'inconsistency'))
    const { multiaddrs, peerId } = server.address
    await assert.rejects(
      greet(prover.libp2p, { multiaddrs, peerId }, 'inconsistency').then(raw => raw.refusal()),
      { code: 'BUSY' },
    )
    for (const raw of held) raw.abort(new Error('seen enough'))
  })
})

describe('a prover among hostile judges', () => {
  const peers = testPeers()
  let prover: TestClient
  let server: HandServer

  before(async () => {
    prover = await peers.client()
    server = await peers.byHand()
  })
  after(() => peers.stop())
  afterEach(() => server.forget())

  const answering = (answer: (channel: Channel) => Promise<void>) =>
    server.answering('inconsistency', InconsistencyRequest, answer)
  const cases: [string, string, (channel: Channel) => Promise<void>][] = [
    [
      'asks for the proof again',
      'VIOLATION',
      async channel => {
        await channel.send(InconsistencyAnswer.encode({ Send: true }))
        await channel.reader.exact(proof.length)
        await channel.send(InconsistencyAnswer.encode({ Send: true }))
      },
    ],
    [
      'says more than there is to say',
      'MALFORMED',
      channel => channel.send(Uint8Array.from([...InconsistencyAnswer.encode({ Attested: attestation }), 0])),
    ],
    ['says too much', 'TOO_LARGE', channel => channel.send(new Uint8Array(5_000))],
    ['hangs up', 'TRUNCATED', async () => undefined],
  ]
  for (const [what, code, answer] of cases) {
    it(`notices one who ${what}`, async () => {
      await answering(answer)
      const small = { ...accusation, proof: proof.subarray(0, 1_000) }
      const asked = what === 'asks for the proof again' ? accusation : small
      await assert.rejects(prover.client.proveInconsistent(server.address, asked), { code, remote: false })
    })
  }
})
