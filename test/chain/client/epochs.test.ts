import assert from 'node:assert/strict'
import { isChainError } from '../../../chain/errors.ts'
import { createCoordinator, keypairWallet } from '../../../chain/index.ts'
import type {
  ChainEvent,
  Committee,
  Committees,
  EpochRefusal,
  FullCoordinator,
} from '../../../chain/types/index.ts'
import { invalidBlobMessage, parseObjectId, verifyCertificate } from '../../../codec/index.ts'
import type { Certificate, Epoch } from '../../../codec/types.ts'
import {
  certificateOf,
  EPOCH_MS,
  MIB,
  metadataOf,
  secretOf,
  seed,
  startTestNetwork,
  type TestNetwork,
} from './network.ts'

describe('epochs, through the client', function () {
  this.timeout(60_000)
  let on: TestNetwork
  let coordinator: FullCoordinator
  let one: Committees
  let ofEpochOne: Certificate

  const aborted = (name: string) => (error: unknown) =>
    isChainError(error, 'MOVE_ABORT') && error.details.name === name
  const refusedAs = (refusal: EpochRefusal) => (error: unknown) =>
    isChainError(error, 'MOVE_ABORT') && error.details.refusal === refusal

  before(async () => {
    on = await startTestNetwork()
    coordinator = createCoordinator(on.network)
    one = await coordinator.committees()
  })
  after(async () => {
    await coordinator?.close()
    await on?.close()
  })

  it('finds the capability of each node', async () => {
    for (const { wallet, name } of on.nodes) {
      const capability = await coordinator.operator(wallet).capability()
      const member = one.current.members.find(m => m.name === name)
      assert.equal(capability?.nodeId, member?.nodeId)
      assert.equal(capability?.lastEpochSyncDone, 1)
    }
    assert.equal(await coordinator.operator(on.admin).capability(), undefined)
    await assert.rejects(coordinator.operator(on.admin).epochSyncDone(1 as Epoch), error =>
      isChainError(error, 'NOT_FOUND'),
    )
  })

  it('refuses to end the votes or the epoch too early', async () => {
    const operator = coordinator.operator(on.nodes[0]!.wallet)
    await assert.rejects(operator.votingEnd(), error => isChainError(error, 'MOVE_ABORT'))
    await assert.rejects(operator.initiateEpochChange(), error => isChainError(error, 'MOVE_ABORT'))
    await assert.rejects(operator.votingEnd(), refusedAs('TOO_EARLY'))
    await assert.rejects(operator.initiateEpochChange(), refusedAs('TOO_EARLY'))
    await assert.rejects(operator.epochSyncDone(2 as Epoch), refusedAs('TOO_EARLY'))
    await assert.rejects(operator.epochSyncDone(0 as Epoch), refusedAs('EPOCH_OVER'))
  })

  it("tells by the chain's clock what is due when", async () => {
    const before = await coordinator.epochTiming()
    assert.ok(before.state.kind === 'done')
    const { sinceMs } = before.state
    assert.deepEqual(before, {
      epoch: 1,
      state: { kind: 'done', sinceMs },
      nowMs: before.nowMs,
      durationMs: EPOCH_MS,
      votingEndDueMs: sinceMs + EPOCH_MS / 2,
      changeDueMs: sinceMs + EPOCH_MS,
    })
    assert.ok(before.nowMs >= sinceMs && before.nowMs < sinceMs + EPOCH_MS / 2)
    await on.localnet.advanceClock(1_000)
    assert.ok((await coordinator.chainTime()) >= before.nowMs + 1_000)
  })

  it('says which address lacks gas, and how much', async () => {
    const poor = keypairWallet(seed(4, 1))
    await assert.rejects(coordinator.operator(poor).votingEnd(), error => {
      assert.ok(isChainError(error, 'NOT_ENOUGH_SUI'))
      assert.deepEqual(error.details, { neededMist: 1_000_000n, availableMist: 0n, owner: poor.address })
      assert.match(error.message, new RegExp(poor.address))
      return true
    })
  })

  it('applies votes on prices at once', async () => {
    for (const { wallet } of on.nodes) {
      await coordinator.operator(wallet).vote({ storagePriceFrost: 5_000n, writePriceFrost: 6_000n })
    }
    const { storagePriceFrost, writePriceFrost } = await coordinator.system()
    assert.deepEqual(
      { storagePriceFrost, writePriceFrost },
      { storagePriceFrost: 5_000n, writePriceFrost: 6_000n },
    )
  })

  it('registers another node and stakes with it', async () => {
    const wallet = keypairWallet(seed(3, 1))
    await on.localnet.faucet(wallet.address)
    const blsSecret = on.bls.generateSecret()
    const candidate = {
      name: 'newcomer',
      networkAddress: 'localhost:1',
      networkPublicKey: Uint8Array.of(0, ...seed(3, 2)),
      multiaddrs: ['/ip4/127.0.0.1/tcp/1'],
      blsPublicKey: on.bls.publicKey(blsSecret),
      sign: (message: Uint8Array) => on.bls.sign(blsSecret, message),
      commissionRate: 500,
      storagePriceFrost: 5_000n,
      writePriceFrost: 6_000n,
      nodeCapacityBytes: 1024n * MIB,
    }
    const operator = coordinator.operator(wallet)
    // the signature of another key proves nothing
    const wrong = {
      ...candidate,
      sign: (message: Uint8Array) => on.bls.sign(on.bls.generateSecret(), message),
    }
    await assert.rejects(operator.register(wrong), aborted('EInvalidProofOfPossession'))
    const { nodeId } = await operator.register(candidate)
    await operator.setMultiaddrs(['/ip4/127.0.0.1/tcp/2', '/ip4/127.0.0.1/tcp/3'])
    await operator.setNetworkAddress('127.0.0.1:4')
    const { stake } = await coordinator.staker(on.admin).stake(nodeId, 3_000_000_000_000n)
    assert.deepEqual(stake, {
      objectId: stake.objectId,
      nodeId,
      principalFrost: 3_000_000_000_000n,
      activationEpoch: 2,
      state: { kind: 'staked' },
    })
    assert.deepEqual(await coordinator.stakes(on.admin.address), [stake])
    const nodes = await coordinator.nodes()
    assert.equal(nodes.length, 5)
    assert.equal(nodes.find(node => node.nodeId === nodeId)?.commissionRate, 500)
    assert.equal(nodes.find(node => node.nodeId === nodeId)?.networkAddress, '127.0.0.1:4')
    const { blsPublicKey, networkPublicKey } = candidate
    assert.deepEqual(await coordinator.nodeKeys(nodeId), { blsPublicKey, networkPublicKey })
    assert.equal(await coordinator.nodeKeys(parseObjectId(`0x${'f'.repeat(64)}`)), undefined)
    on.nodes.push({
      ...candidate,
      wallet,
      blsSecret,
      stakeWal: 3_000n,
    })
  })

  it('lets a node announce another BLS key for the next epoch', async () => {
    const [node] = on.nodes
    const capability = await coordinator.operator(node!.wallet).capability()
    const blsSecret = on.bls.generateSecret()
    const publicKey = on.bls.publicKey(blsSecret)
    const sign = (message: Uint8Array) => on.bls.sign(blsSecret, message)
    const operator = coordinator.operator(node!.wallet)
    // the signature of another key proves nothing
    const wrong = (message: Uint8Array) => on.bls.sign(node!.blsSecret, message)
    await assert.rejects(
      operator.setNextPublicKey({ blsPublicKey: publicKey, sign: wrong }),
      aborted('EInvalidProofOfPossession'),
    )
    await operator.setNextPublicKey({ blsPublicKey: publicKey, sign })
    const registered = await coordinator.nodeKeys(capability!.nodeId)
    assert.deepEqual(registered?.nextBlsPublicKey, publicKey)
    assert.deepEqual(registered?.blsPublicKey, on.bls.publicKey(node!.blsSecret))
    const input = {
      blobId: metadataOf(on.nShards, 10, 199).blobId,
      persistence: { kind: 'permanent' } as const,
    }
    ofEpochOne = certificateOf(on, one, input)
    on.nodes[0] = { ...node!, blsSecret }
  })

  it('changes over to epoch 2: states, committees and events', async () => {
    const stop = new AbortController()
    const events: ChainEvent[] = []
    const follower = (async () => {
      for await (const event of coordinator.follow({ signal: stop.signal })) {
        events.push(event)
        if (event.type === 'EpochChangeDone' && event.epoch === 2) stop.abort()
      }
    })()
    const operators = on.nodes.map(({ wallet }) => coordinator.operator(wallet))
    await on.localnet.advanceClock(EPOCH_MS / 2)
    await operators[0]!.votingEnd()
    await assert.rejects(operators[1]!.votingEnd(), refusedAs('DONE_BEFORE'))
    const selected = await coordinator.committees({ fresh: true })
    assert.equal(selected.state.kind, 'next-params-selected')
    assert.equal(selected.epoch, 1)
    assert.equal((await coordinator.epochTiming()).votingEndDueMs, undefined)
    // final, with the key that the first node announced: what one who comes now reads is the same
    const { next } = selected
    assert.equal(next?.epoch, 2)
    const latecomer = createCoordinator(on.network)
    assert.deepEqual((await latecomer.committees()).next, next)
    await latecomer.close()
    await on.localnet.advanceClock(EPOCH_MS / 2)
    await operators[0]!.initiateEpochChange({ epoch: 1 as Epoch })
    await assert.rejects(operators[1]!.initiateEpochChange({ epoch: 1 as Epoch }), refusedAs('DONE_BEFORE'))
    await assert.rejects(operators[1]!.votingEnd({ epoch: 1 as Epoch }), refusedAs('DONE_BEFORE'))
    const syncing = await coordinator.committees({ fresh: true })
    assert.deepEqual(syncing.state, { kind: 'sync', weight: 0 })
    assert.equal(syncing.epoch, 2)
    assert.equal(syncing.next, undefined)
    assert.deepEqual(syncing.current, next)
    const timing = await coordinator.epochTiming()
    assert.deepEqual(timing, {
      epoch: 2,
      state: { kind: 'sync', weight: 0 },
      nowMs: timing.nowMs,
      durationMs: EPOCH_MS,
    })
    assert.equal(syncing.current.members.length, 5)
    assert.deepEqual(syncing.previous, { ...one.current }, 'the committee of epoch 1, as it was')
    const newcomer = syncing.current.members.find(member => member.name === 'newcomer')!
    assert.deepEqual(newcomer.multiaddrs, ['/ip4/127.0.0.1/tcp/2', '/ip4/127.0.0.1/tcp/3'])
    // nobody has more than ceil(n * 20 / (nodes * 10)) shards, however much is staked
    assert.equal(newcomer.shards.length, 4)
    for (const operator of operators) await operator.epochSyncDone(2 as Epoch)
    await assert.rejects(operators[0]!.epochSyncDone(2 as Epoch), aborted('EDuplicateSyncDone'))
    await assert.rejects(operators[0]!.epochSyncDone(2 as Epoch), refusedAs('DONE_BEFORE'))
    const done = await coordinator.committees({ fresh: true })
    assert.equal(done.state.kind, 'done')
    await follower
    const epochs = events.filter(event => event.type.startsWith('Epoch')).map(event => event.type)
    assert.deepEqual(epochs.slice(-3), ['EpochParametersSelected', 'EpochChangeStart', 'EpochChangeDone'])
  })

  it('knows the keys that the previous committee signed with, or says that it does not', async () => {
    const verify = ({ members, nShards }: Committee) =>
      verifyCertificate({
        bls: on.bls,
        certificate: ofEpochOne,
        nShards,
        members: members.map(({ blsPublicKey, shards }) => ({
          publicKey: blsPublicKey,
          weight: shards.length,
        })),
      })
    const { previous } = await coordinator.committees()
    assert.equal(previous?.keysUncertain, undefined)
    assert.equal(verify(previous!), on.nShards)
    // one who was not there sees the present keys: one member has rotated its own since
    const newcomer = createCoordinator(on.network)
    const late = await newcomer.committees()
    await newcomer.close()
    assert.equal(late.previous?.keysUncertain, true)
    assert.throws(() => verify(late.previous!), { code: 'CERTIFICATE_INVALID' })
    assert.deepEqual(late.current, (await coordinator.committees()).current)
  })

  it('takes certificates of the new committee only', async () => {
    const writer = coordinator.writer(on.admin)
    const two = await coordinator.committees()
    const { blob } = await writer.register({
      metadata: metadataOf(on.nShards, 10, 200),
      epochs: 1,
      deletable: false,
    })
    const input = { blobId: blob.blobId, persistence: { kind: 'permanent' } as const }
    const old = certificateOf(on, { ...one, epoch: 2 as Epoch }, input)
    // node IDs are random: the newcomer, with 4 of 10 shards, may be the one member that the bitmap leaves out
    const refusals = [aborted('ESigVerification'), aborted('ENotEnoughStake')]
    await assert.rejects(writer.certify(blob.objectId, old), error => refusals.some(is => is(error)))
    // of a committee that was larger: it is the chain that refuses it
    const larger = { ...certificateOf(on, two, input), signers: [200] }
    await assert.rejects(writer.certify(blob.objectId, larger), { code: 'MOVE_ABORT' })
    const { blob: certified } = await writer.certify(blob.objectId, certificateOf(on, two, input))
    assert.equal(certified.certifiedEpoch, 2)
  })

  it('changes what a node says of itself, and what it earns', async () => {
    const operator = coordinator.operator(on.nodes[1]!.wallet)
    const { nodeId } = (await operator.capability())!
    const networkPublicKey = Uint8Array.of(0, ...seed(5, 1))
    await operator.setNetworkPublicKey(networkPublicKey)
    assert.deepEqual((await coordinator.nodeKeys(nodeId))?.networkPublicKey, networkPublicKey)
    await operator.setName('renamed')
    const nodes = await coordinator.nodes()
    assert.equal(nodes.find(node => node.nodeId === nodeId)?.name, 'renamed')
    await operator.setNextCommission(250)
    await assert.rejects(operator.setNextCommission(10_001), aborted('EIncorrectCommissionRate'))
    await operator.collectCommission()
    await operator.setName(on.nodes[1]!.name)
  })

  it('declares a blob ID invalid by a certificate of f + 1 shards, and tells everybody', async () => {
    const stop = new AbortController()
    const { blobId } = metadataOf(on.nShards, 10, 201)
    const { current, epoch } = await coordinator.committees()
    const message = invalidBlobMessage({ epoch, blobId })
    const certify = (signers: number[]): Certificate => {
      const secrets = signers.map(index => secretOf(on, current.members[index]!.name))
      const signatures = secrets.map(secret => on.bls.sign(secret, message))
      return { epoch, signers, message, signature: on.bls.aggregateSignatures(signatures) }
    }
    const byWeight = [...current.members].sort((a, b) => a.shards.length - b.shards.length)
    const operator = coordinator.operator(on.nodes[0]!.wallet)
    await assert.rejects(operator.invalidateBlobId(certify([byWeight[0]!.index])), aborted('ENotEnoughStake'))
    await operator.invalidateBlobId(certify(current.members.map(({ index }) => index)))
    for await (const event of coordinator.follow({ signal: stop.signal })) {
      if (event.type !== 'InvalidBlobID') continue
      assert.deepEqual([event.blobId, event.epoch], [blobId, epoch])
      stop.abort()
    }
  })

  it('gives a stake back after notice', async () => {
    const staker = coordinator.staker(on.admin)
    const [held] = await coordinator.stakes(on.admin.address)
    await assert.rejects(staker.withdraw(held!.objectId), error => isChainError(error, 'MOVE_ABORT'))
    const { stake } = await staker.requestWithdrawal(held!.objectId)
    assert.equal(stake.state.kind, 'withdrawing')
    // a stake that does not count yet needs no notice
    const { stake: young } = await staker.stake(held!.nodeId, 1_000_000_000n)
    const before = await coordinator.balances(on.admin.address)
    await staker.withdraw(young.objectId)
    const after = await coordinator.balances(on.admin.address)
    assert.equal(after.wal - before.wal, 1_000_000_000n)
    assert.deepEqual(
      (await coordinator.stakes(on.admin.address)).map(s => s.objectId),
      [held!.objectId],
    )
  })
})
