import assert from 'node:assert/strict'
import { Transaction } from '@mysten/sui/transactions'
import { systemClock } from '../../../base/clock.ts'
import { Blob } from '../../../chain/bindings/blob.ts'
import { Calls } from '../../../chain/client/calls.ts'
import { listCoins } from '../../../chain/client/coins.ts'
import { Executor } from '../../../chain/client/executor.ts'
import { fetchObjects } from '../../../chain/client/objects.ts'
import { RpcPool } from '../../../chain/client/rpc.ts'
import { callTarget } from '../../../chain/client/session.ts'
import { StateReader } from '../../../chain/client/state.ts'
import { type ChainError, isChainError } from '../../../chain/errors.ts'
import { createCoordinator, keypairWallet } from '../../../chain/index.ts'
import type { BlobObject, ChainWriter, Committees, Registration } from '../../../chain/types/index.ts'
import { blobIdToU256, encodedSize, metadataRoot, signersBitmap } from '../../../codec/index.ts'
import type { BlobMetadata, Certificate, Epoch } from '../../../codec/types.ts'
import { certificateOf, metadataOf, seed, startTestNetwork, type TestNetwork } from './network.ts'

const GAS = 1_000_000_000n

describe('the contract on the localnet, through the client', function () {
  this.timeout(60_000)
  let on: TestNetwork
  let committees: Committees
  let writer: ChainWriter
  let rpc: RpcPool
  let executor: Executor
  let state: StateReader
  const closing = new AbortController()
  let tag = 0

  before(async () => {
    on = await startTestNetwork()
    committees = await on.coordinator.committees()
    writer = on.coordinator.writer(on.admin)
    rpc = new RpcPool({
      clock: systemClock,
      random: Math.random,
      urls: on.network.suiRpc,
      network: 'localnet',
      closed: closing.signal,
    })
    executor = new Executor(rpc, closing.signal)
    state = new StateReader(rpc, on.network)
  })
  after(async () => {
    closing.abort()
    await on?.close()
  })

  const metadata = (length = 1000) => metadataOf(on.nShards, length, ++tag)
  const register = (options: { deletable?: boolean; length?: number; epochs?: number } = {}) =>
    writer.register({
      metadata: metadata(options.length),
      epochs: options.epochs ?? 2,
      deletable: options.deletable ?? false,
    })
  const certificate = (blob: BlobObject, change: Partial<Parameters<typeof certificateOf>[2]> = {}) =>
    certificateOf(on, committees, {
      blobId: blob.blobId,
      persistence: blob.deletable ? { kind: 'deletable', objectId: blob.objectId } : { kind: 'permanent' },
      ...change,
    })

  /** Everything that a failed transaction must leave as it was; gas is paid all the same. */
  const snapshot = async () => {
    const { system, staking } = await state.read()
    const coins = await rpc.read(client => listCoins(client, on.admin.address, on.network.walType))
    const blobs = await on.coordinator.ownedBlobs(on.admin.address)
    return { system, staking, coins: coins.map(c => [c.objectId, c.balance]), blobs }
  }

  const abortsWith = (name: string) => (error: unknown) => {
    assert.ok(isChainError(error, 'MOVE_ABORT'), String(error))
    assert.equal(error.details.name, name)
    return true
  }

  it('registers, certifies, extends and deletes', async () => {
    const before = await on.coordinator.balances(on.admin.address)
    const { blob, costFrost, digest } = await register({ deletable: true, length: 1_500_000, epochs: 3 })
    const { wal } = await on.coordinator.balances(on.admin.address)
    const units = BigInt(Math.ceil(encodedSize(on.nShards, 1_500_000) / 2 ** 20))
    assert.equal(costFrost, units * (11_000n * 3n + 20_000n))
    assert.equal(before.wal - wal, costFrost)
    assert.ok(digest)
    assert.deepEqual(
      { ...blob, objectId: undefined, storage: { ...blob.storage, id: undefined } },
      {
        objectId: undefined,
        blobId: blob.blobId,
        registeredEpoch: 1,
        size: 1_500_000,
        encodingType: 1,
        deletable: true,
        storage: {
          id: undefined,
          startEpoch: 1,
          endEpoch: 4,
          storageSize: BigInt(encodedSize(on.nShards, 1_500_000)),
        },
        owner: on.admin.address,
      },
    )
    const certified = await writer.certify(blob.objectId, certificate(blob))
    assert.equal(certified.blob.certifiedEpoch, 1)
    const extended = await writer.extend(blob.objectId, 2)
    assert.equal(extended.costFrost, units * 11_000n * 2n)
    assert.equal(extended.blob.storage.endEpoch, 6)
    assert.equal((await on.coordinator.blob(blob.objectId))?.storage.endEpoch, 6)
    assert.ok((await on.coordinator.ownedBlobs(on.admin.address)).some(b => b.objectId === blob.objectId))
    await writer.deleteBlob(blob.objectId)
    assert.equal(await on.coordinator.blob(blob.objectId), undefined)
  })

  const SMALL = 1000
  const unitsOf = (length: number) => BigInt(Math.ceil(encodedSize(on.nShards, length) / 2 ** 20))
  const storages = () => on.coordinator.ownedStorages(on.admin.address)
  const reuse = (epochs: number, length = SMALL) =>
    writer.register({ metadata: metadata(length), epochs, deletable: true, reuseStorage: true })

  it('registers in storage of deleted blobs, keeps the rest of it, and buys what it lacks', async () => {
    await on.coordinator.manager(on.admin).burnStorages((await storages()).map(({ id }) => id))
    const large = await register({ deletable: true, length: 1_500_000, epochs: 4 })
    await writer.deleteBlob(large.blob.objectId)
    assert.equal((await storages()).length, 1)
    // smaller, and for less time: what is not needed stays with the wallet
    const first = await reuse(2)
    const bytes = BigInt(encodedSize(on.nShards, SMALL))
    const writing = unitsOf(SMALL) * 20_000n
    assert.deepEqual([first.reusedStorage, first.costFrost], [true, writing])
    assert.equal(first.blob.storage.storageSize, bytes)
    assert.equal(first.blob.storage.endEpoch, 3)
    const rests = (await storages()).map(({ startEpoch, endEpoch, storageSize }) => [
      startEpoch,
      endEpoch,
      storageSize,
    ])
    const whole = BigInt(encodedSize(on.nShards, 1_500_000))
    assert.deepEqual(rests.sort(), [
      [1, 5, whole - bytes],
      [3, 5, bytes],
    ])
    // longer than it lasts: only the epochs that it lacks are bought
    const second = await reuse(6)
    assert.deepEqual(
      [second.reusedStorage, second.costFrost],
      [true, writing + 2n * unitsOf(SMALL) * 11_000n],
    )
    assert.equal(second.blob.storage.endEpoch, 7)
    // what is not to be used, or too small, is not touched
    const before = await storages()
    assert.equal((await register({ deletable: true, length: SMALL })).reusedStorage, false)
    assert.equal((await reuse(2, 1_800_000)).reusedStorage, false)
    assert.deepEqual(await storages(), before)
  })

  it('splits storage, merges and burns it', async () => {
    const manager = on.coordinator.manager(on.admin)
    await manager.burnStorages((await storages()).map(({ id }) => id))
    const { blob } = await register({ deletable: true, epochs: 4 })
    await writer.deleteBlob(blob.objectId)
    const [whole] = await storages()
    const { rest } = await manager.splitStorage(whole!.id, { bytes: 1000n })
    const later = await manager.splitStorage(rest, { epoch: 3 })
    assert.deepEqual((await storages()).map(({ startEpoch, endEpoch }) => [startEpoch, endEpoch]).sort(), [
      [1, 3],
      [1, 5],
      [3, 5],
    ])
    await manager.mergeStorages(rest, [later.rest])
    await manager.mergeStorages(whole!.id, [rest])
    assert.deepEqual(await storages(), [whole])
    await manager.burnStorages([whole!.id])
    assert.deepEqual(await storages(), [])
  })

  it('certifies, extends and shares in one transaction', async () => {
    const { blob } = await register()
    const before = (await on.coordinator.balances(on.admin.address)).wal
    for (const registered of [blob, undefined]) {
      const mine = registered ?? (await register()).blob
      const wal = registered ? before : (await on.coordinator.balances(on.admin.address)).wal
      const options = { registered, untilEpoch: 6, share: true }
      const certified = await writer.certify(mine.objectId, certificate(mine), options)
      const shared = await on.coordinator.sharedBlob(certified.sharedBlob!)
      assert.deepEqual(shared?.blob, certified.blob)
      assert.equal(shared?.blob.storage.endEpoch, 6)
      const cost = 3n * unitsOf(1000) * 11_000n
      assert.equal(certified.costFrost, cost)
      assert.equal(wal - (await on.coordinator.balances(on.admin.address)).wal, cost)
    }
  })

  it('does what is wished besides with a blob that another program has certified', async () => {
    const { blob } = await register()
    await writer.certify(blob.objectId, certificate(blob))
    const { address } = keypairWallet(seed(5, 7))
    const options = { untilEpoch: 4, transferTo: address }
    const certified = await writer.certify(blob.objectId, certificate(blob), options)
    assert.equal(certified.blob.owner, address)
    assert.equal(certified.blob.storage.endEpoch, 4)
    // and what it has done already is not done, nor paid for, once more
    const again = await writer.certify(blob.objectId, certificate(blob), options)
    assert.deepEqual([again.costFrost, again.blob], [0n, certified.blob])
  })

  it('extends a certified blob no further than is wished, though another program with the wallet extends it meanwhile', async () => {
    const { blob } = await register()
    await writer.certify(blob.objectId, certificate(blob))
    const other = createCoordinator(on.network)
    try {
      const before = (await on.coordinator.balances(on.admin.address)).wal
      const programs = [writer, other.writer(on.admin), writer]
      for (const program of programs) {
        const { blob: extended } = await program.extend(blob.objectId, 2, { untilEpoch: 5 })
        assert.equal(extended.storage.endEpoch, 5)
      }
      await Promise.all(programs.map(program => program.extend(blob.objectId, 2, { untilEpoch: 7 })))
      assert.equal((await on.coordinator.blob(blob.objectId))?.storage.endEpoch, 7)
      const paid = before - (await on.coordinator.balances(on.admin.address)).wal
      assert.equal(paid, 4n * unitsOf(1000) * 11_000n)
    } finally {
      await other.close()
    }
  })

  it('extends once a blob that another program with the wallet certifies and extends meanwhile', async () => {
    const { blob } = await register()
    const other = createCoordinator(on.network)
    try {
      const options = { registered: blob, untilEpoch: 5 }
      const programs = [writer, other.writer(on.admin)]
      const before = (await on.coordinator.balances(on.admin.address)).wal
      const results = await Promise.all(
        programs.map(program => program.certify(blob.objectId, certificate(blob), options)),
      )
      for (const result of results) assert.equal(result.blob.storage.endEpoch, 5)
      assert.equal((await on.coordinator.blob(blob.objectId))?.storage.endEpoch, 5)
      const paid = before - (await on.coordinator.balances(on.admin.address)).wal
      assert.equal(paid, 2n * unitsOf(1000) * 11_000n)
      // one that comes later
      await writer.certify(blob.objectId, certificate(blob), options)
      assert.equal((await on.coordinator.blob(blob.objectId))?.storage.endEpoch, 5)
    } finally {
      await other.close()
    }
  })

  it('takes a certificate of exactly a quorum', async () => {
    const { blob } = await register()
    const signers = quorum(committees, 'exact')
    assert.equal((await writer.certify(blob.objectId, certificate(blob, { signers }))).blob.certifiedEpoch, 1)
  })

  it('certifies and hands the blob over in one transaction', async () => {
    const { blob } = await register()
    const { address } = keypairWallet(seed(5, 5))
    const certified = await writer.certify(blob.objectId, certificate(blob), { transferTo: address })
    assert.equal(certified.blob.owner, address)
    assert.deepEqual(
      (await on.coordinator.ownedBlobs(address)).map(b => b.objectId),
      [blob.objectId],
    )
  })

  it('certifies a blob that it knows from its registration as one that is read', async () => {
    const { blob } = await register()
    const { address } = keypairWallet(seed(5, 6))
    const options = { registered: blob, transferTo: address }
    const certified = await writer.certify(blob.objectId, certificate(blob), options)
    assert.deepEqual(certified.blob, await on.coordinator.blob(blob.objectId))
  })

  it('tells of a registration as soon as it was executed', async () => {
    const input = { metadata: metadata(), epochs: 1, deletable: true }
    using prepared = await writer.prepareRegistration(input)
    const { objectId, digest, visible } = await prepared.submit()
    const { blob, digest: same } = await visible
    assert.deepEqual([objectId, digest], [blob.objectId, same])
  })

  it('hands in no registration that is not submitted, and keeps nobody waiting for it', async () => {
    const before = await on.coordinator.balances(on.admin.address)
    {
      using _ = await writer.prepareRegistration({ metadata: metadata(), epochs: 1, deletable: true })
    }
    assert.deepEqual(await on.coordinator.balances(on.admin.address), before)
    await register()
  })

  it('goes on with a registration that was handed in, and ends one that was not, when the signal aborts', async () => {
    const input = { metadata: metadata(), epochs: 1, deletable: true }
    const late = new AbortController()
    using kept = await writer.prepareRegistration(input, { signal: late.signal })
    late.abort(new Error('no more patience'))
    await assert.rejects(kept.submit(), /no more patience/)
    const early = new AbortController()
    using prepared = await writer.prepareRegistration(input, { signal: early.signal })
    const submitting = prepared.submit()
    // signed, and on its way
    await new Promise(resolve => setImmediate(resolve))
    early.abort(new Error('no more patience'))
    const { objectId } = await submitting
    await register()
    assert.equal((await on.coordinator.blob(objectId))?.objectId, objectId)
  })

  describe('refuses, and changes nothing:', () => {
    let registration: Registration
    before(async () => {
      registration = await register()
    })

    const cases: { what: string; name: string; make: (blob: BlobObject) => Certificate }[] = [
      {
        what: 'a certificate with too little weight',
        name: 'ENotEnoughStake',
        make: blob => certificate(blob, { signers: quorum(committees, 'below') }),
      },
      {
        what: 'a certificate of another epoch',
        name: 'EIncorrectEpoch',
        make: blob => certificate(blob, { epoch: 2 as Epoch }),
      },
      {
        what: 'a certificate of another blob',
        name: 'EInvalidBlobId',
        make: blob => certificate({ ...blob, blobId: metadataOf(on.nShards, 5, 250).blobId }),
      },
      {
        what: 'a certificate of another persistence',
        name: 'EInvalidBlobPersistenceType',
        make: blob => certificate(blob, { persistence: { kind: 'deletable', objectId: blob.objectId } }),
      },
      {
        what: 'signatures over another message',
        name: 'ESigVerification',
        make: blob => ({
          ...certificate(blob),
          signature: certificate({ ...blob, deletable: true }).signature,
        }),
      },
      {
        what: 'a signature of fewer than the bitmap says',
        name: 'ESigVerification',
        make: blob => ({
          ...certificate(blob),
          signature: certificate(blob, { signers: [0, 1, 2] }).signature,
        }),
      },
      {
        what: 'a signature that is no point of the curve',
        name: 'ESigVerification',
        make: blob => ({ ...certificate(blob), signature: new Uint8Array(96).fill(0xff) }),
      },
    ]
    for (const { what, name, make } of cases) {
      it(what, async () => {
        const { blob } = registration
        const bad = make(blob)
        // before anything is sent
        await assert.rejects(writer.certify(blob.objectId, bad), error => {
          assert.ok(abortsWith(name)(error))
          assert.equal((error as ChainError<'MOVE_ABORT'>).details.digest, undefined)
          return true
        })
        // and by the chain, when somebody sends it all the same
        const before = await snapshot()
        const [object] = await rpc.read(client => fetchObjects(client, [blob.objectId]))
        const failure = await direct(calls => certify(calls, object!, bad)).catch((error: unknown) => error)
        assert.ok(abortsWith(name)(failure))
        assert.ok((failure as ChainError<'MOVE_ABORT'>).details.digest)
        assert.deepEqual(await snapshot(), before)
        const [after] = await rpc.read(client => fetchObjects(client, [blob.objectId]))
        assert.deepEqual(Blob.parse(after!.content), Blob.parse(object!.content))
      })
    }

    it('a second certificate, which the client takes for what it wanted', async () => {
      const { blob } = await register()
      await writer.certify(blob.objectId, certificate(blob))
      const before = await snapshot()
      const again = await writer.certify(blob.objectId, certificate(blob), { registered: blob })
      assert.deepEqual(again, { digest: '', costFrost: 0n, blob: await on.coordinator.blob(blob.objectId) })
      assert.deepEqual(await snapshot(), before)
      const [object] = await rpc.read(client => fetchObjects(client, [blob.objectId]))
      await assert.rejects(
        direct(calls => certify(calls, object!, certificate(blob))),
        abortsWith('EAlreadyCertified'),
      )
      // its new owner has it
      const { address } = keypairWallet(seed(9, 8))
      const sent = await writer.certify(blob.objectId, certificate(blob), { transferTo: address })
      assert.equal(sent.blob.owner, address)
    })

    it('registering without enough WAL, before anything is sent', async () => {
      const poor = keypairWallet(seed(6, 6))
      await on.localnet.faucet(poor.address)
      const digests = await height()
      const attempt = on.coordinator
        .writer(poor)
        .register({ metadata: metadata(), epochs: 1, deletable: false })
      await assert.rejects(attempt, error => {
        assert.ok(isChainError(error, 'NOT_ENOUGH_WAL'))
        assert.equal(error.details.availableFrost, 0n)
        assert.ok(error.details.neededFrost > 0n)
        return true
      })
      assert.equal(await height(), digests)
    })

    it('registering without SUI, before anything is sent', async () => {
      const poor = keypairWallet(seed(7, 7))
      const attempt = on.coordinator.writer(poor).deleteBlob(registration.blob.objectId)
      await assert.rejects(
        attempt,
        error => isChainError(error, 'NOT_ENOUGH_SUI') && error.details.availableMist === 0n,
      )
    })

    it('a payment below the price', async () => {
      const before = await snapshot()
      const [coin] = before.coins
      const failure = await direct(async calls => {
        const [object] = await rpc.read(client => fetchObjects(client, [coin![0] as string]))
        const { tx } = calls
        const [payment] = tx.splitCoins(tx.objectRef(object!), [10n])
        const storage = calls.reserveSpace(1_000_000n, 1, payment!)
        tx.transferObjects([storage, payment!], on.admin.address)
      }).catch(error => error)
      assert.ok(isChainError(failure, 'MOVE_ABORT'), String(failure))
      assert.equal(failure.details.module, 'balance')
      assert.deepEqual(await snapshot(), before)
    })

    const sizes: { what: string; name: string; change: (input: RegisterInput) => RegisterInput }[] = [
      {
        what: 'a storage smaller than the encoded blob',
        name: 'EResourceSize',
        change: input => ({ ...input, storageBytes: input.storageBytes - 1n }),
      },
      {
        what: 'a size that does not give the blob ID',
        name: 'EInvalidBlobId',
        change: input => ({ ...input, sizeBytes: input.sizeBytes + 1 }),
      },
      {
        what: 'an encoding that does not exist',
        name: 'EInvalidEncodingType',
        change: input => ({ ...input, encodingType: 7 }),
      },
    ]
    for (const { what, name, change } of sizes) {
      it(`registering with ${what}`, async () => {
        const before = await snapshot()
        const failure = await direct(calls => registerAs(calls, change(registerInput(metadata())))).catch(
          e => e,
        )
        assert.ok(abortsWith(name)(failure))
        assert.deepEqual(await snapshot(), before)
      })
    }

    it('deleting a permanent blob', async () => {
      const before = await snapshot()
      await assert.rejects(writer.deleteBlob(registration.blob.objectId), abortsWith('EBlobNotDeletable'))
      assert.deepEqual(await snapshot(), before)
    })

    it('what belongs to somebody else', async () => {
      const [thief] = on.nodes
      const { blob } = await register({ deletable: true })
      await assert.rejects(on.coordinator.writer(thief!.wallet).deleteBlob(blob.objectId))
      assert.ok(await on.coordinator.blob(blob.objectId))
    })
  })

  it('executes the same signed bytes once', async () => {
    const input = registerInput(metadata())
    const { bytes, signature } = await signed(calls => registerAs(calls, input))
    const send = () =>
      rpc.once(client =>
        client.core.executeTransaction({
          transaction: bytes,
          signatures: [signature],
          include: { effects: true },
        }),
      )
    const first = await send()
    const before = await snapshot()
    const again = await send().catch(error => error)
    if (!(again instanceof Error)) {
      assert.equal(again.Transaction?.digest, first.Transaction?.digest)
      assert.deepEqual(again.Transaction?.effects, first.Transaction?.effects)
    }
    assert.deepEqual(await snapshot(), before)
  })

  it('serialises the transactions of one wallet', async () => {
    const before = await on.coordinator.balances(on.admin.address)
    const registrations = await Promise.all(Array.from({ length: 8 }, () => register()))
    const { wal } = await on.coordinator.balances(on.admin.address)
    assert.equal(
      before.wal - wal,
      registrations.reduce((sum, { costFrost }) => sum + costFrost, 0n),
    )
    assert.equal(new Set(registrations.map(r => r.blob.objectId)).size, 8)
  })

  it('builds anew when another program has used the wallet', async () => {
    const other = createCoordinator(on.network)
    try {
      const writers = [writer, other.writer(on.admin)]
      const results = await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          writers[i % 2]!.register({ metadata: metadata(), epochs: 1, deletable: true }),
        ),
      )
      assert.equal(new Set(results.map(r => r.blob.objectId)).size, 6)
    } finally {
      await other.close()
    }
  })

  it('refuses what makes no sense without asking the chain', async () => {
    const odd = (error: unknown) => isChainError(error, 'INVALID_ARGUMENT')
    for (const epochs of [0, -1, 1.5, 54, Number.NaN]) await assert.rejects(register({ epochs }), odd)
    await assert.rejects(writer.register({ metadata: metadataOf(13, 5, 1), epochs: 1, deletable: true }), odd)
  })

  it('ends a call that is aborted with its reason', async () => {
    const reason = new Error('stop')
    await assert.rejects(
      writer.register(
        { metadata: metadata(), epochs: 1, deletable: true },
        { signal: AbortSignal.abort(reason) },
      ),
      reason,
    )
  })

  // === how the tests above send what the client never would ===

  interface RegisterInput {
    blobId: bigint
    rootHash: bigint
    storageBytes: bigint
    sizeBytes: number
    encodingType: number
  }

  function registerInput(blob: BlobMetadata): RegisterInput {
    return {
      blobId: blobIdToU256(blob.blobId),
      rootHash: metadataRoot(blob).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n),
      storageBytes: BigInt(encodedSize(on.nShards, blob.unencodedLength)),
      sizeBytes: blob.unencodedLength,
      encodingType: 1,
    }
  }

  async function registerAs(calls: Calls, { storageBytes, ...input }: RegisterInput) {
    const { tx } = calls
    const [coin] = await rpc.read(client => listCoins(client, on.admin.address, on.network.walType))
    const payment = tx.objectRef(coin!)
    const storage = calls.reserveSpace(storageBytes, 1, payment)
    const blob = calls.registerBlob({ ...input, storage, deletable: false, payment })
    tx.transferObjects([blob], on.admin.address)
  }

  function certify(
    calls: Calls,
    object: { objectId: string; version: string; digest: string },
    proof: Certificate,
  ) {
    calls.certifyBlob(calls.tx.objectRef(object), {
      signature: proof.signature,
      signersBitmap: signersBitmap(proof.signers, committees.current.members.length),
      message: proof.message,
    })
  }

  async function signed(add: (calls: Calls) => Promise<void> | void) {
    const tx = new Transaction()
    tx.setSender(on.admin.address)
    tx.setGasPrice(1000)
    tx.setGasBudget(GAS)
    const gas = await rpc.read(client => listCoins(client, on.admin.address, '0x2::sui::SUI'))
    tx.setGasPayment([gas[0]!])
    await add(new Calls(tx, callTarget(on.network, await state.read())))
    const bytes = await tx.build()
    return { bytes, signature: (await on.admin.signer.signTransaction(bytes)).signature }
  }

  async function direct(add: (calls: Calls) => Promise<void> | void): Promise<unknown> {
    const { bytes } = await signed(add)
    return await executor.submit(on.admin, bytes)
  }

  async function height() {
    return await rpc.read(
      async client => (await client.ledgerService.getServiceInfo({})).response.checkpointHeight,
    )
  }
})

/** Members whose shards are just a quorum, or one member less. */
function quorum(committees: Committees, which: 'exact' | 'below'): number[] {
  const { members, nShards } = committees.current
  const signers: number[] = []
  let weight = 0
  for (const { index, shards } of members) {
    if (3 * (weight + shards.length) >= 2 * nShards + 1 && which === 'below') break
    signers.push(index)
    weight += shards.length
    if (3 * weight >= 2 * nShards + 1) break
  }
  return signers
}
