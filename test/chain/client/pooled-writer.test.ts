import assert from 'node:assert/strict'
import { createPooledWriter, type WalletPool } from '../../../chain/client/pooled-writer.ts'
import { ChainError } from '../../../chain/errors.ts'
import type {
  BlobObject,
  CertifyOptions,
  ChainWriter,
  RegisterInput,
  StorageObject,
  SystemInfo,
  Wallet,
} from '../../../chain/types/index.ts'
import { createCodec } from '../../../codec/index.ts'
import type { Certificate, Epoch, ObjectId } from '../../../codec/types.ts'
import { anyObjectId } from '../../support/fake-chain.ts'

const signer = {} as Wallet['signer']

describe('a wallet with others that register for it', () => {
  const main: Wallet = { address: anyObjectId(), signer }
  const subs = [0, 1, 2].map((): Wallet => ({ address: anyObjectId(), signer }))
  const short = (owner: ObjectId) =>
    new ChainError('NOT_ENOUGH_WAL', 'too little', { neededFrost: 2n, availableFrost: 1n, owner })
  let input: RegisterInput
  let prepared: ObjectId[]
  let certified: { by: ObjectId; options: CertifyOptions | undefined }[]
  let storages: StorageObject[]
  let poor: Set<ObjectId>
  let empty: Set<ObjectId>
  let asked: ObjectId[]

  before(async () => {
    const codec = createCodec({ threads: 0 })
    const metadata = await codec.metadata(new Uint8Array(100), 10)
    await codec.close()
    input = { metadata, epochs: 2, deletable: true, reuseStorage: true }
  })
  beforeEach(() => {
    prepared = []
    certified = []
    storages = []
    poor = new Set()
    empty = new Set()
    asked = []
  })

  const writerOf = (wallet: Wallet): ChainWriter => ({
    wallet,
    async prepareRegistration() {
      if (poor.has(wallet.address)) throw short(wallet.address)
      prepared.push(wallet.address)
      const objectId = anyObjectId()
      const blob = { objectId, owner: wallet.address } as BlobObject
      const visible = Promise.resolve({ blob, digest: '', costFrost: 1n })
      return { submit: async () => ({ objectId, digest: '', visible }), [Symbol.dispose]() {} }
    },
    async certify(objectId, _certificate, options) {
      if (poor.has(wallet.address)) throw short(wallet.address)
      certified.push({ by: wallet.address, options })
      return { digest: '', costFrost: 0n, blob: { objectId } as BlobObject }
    },
    register: async () => assert.fail(),
    extend: async () => assert.fail(),
    deleteBlob: async () => assert.fail(),
  })
  const pool: WalletPool = {
    wallets: subs,
    held: { sui: 3_000_000_000n, wal: 1_500_000_000n },
    isHeld: true,
    isFunded: address => !empty.has(address),
    async onShort(address) {
      asked.push(address)
      poor.delete(address)
    },
  }
  const chain = {
    writer: writerOf,
    ownedStorages: async () => storages,
    system: async () => ({ epoch: 5 }) as SystemInfo,
  }
  const writer = () => createPooledWriter(chain, main, pool)

  it('registers with the one that has least to do, and that was taken longest ago', async () => {
    const pooled = writer()
    assert.deepEqual(
      pooled.subWallets,
      subs.map(({ address }) => address),
    )
    const first = await pooled.prepareRegistration(input)
    const second = await pooled.prepareRegistration(input)
    await (await first.submit()).visible
    // it waits for nobody: the second is still busy, the first was taken before the third
    await pooled.prepareRegistration(input)
    await pooled.prepareRegistration(input)
    second[Symbol.dispose]()
    const fifth = await pooled.prepareRegistration(input)
    fifth[Symbol.dispose]()
    await pooled.prepareRegistration(input)
    const order = [0, 1, 2, 0, 1, 1]
    assert.deepEqual(
      prepared,
      order.map(i => subs[i]!.address),
    )
  })

  it('registers by itself what goes into its own storage, and what the others cannot pay for', async () => {
    const pooled = writer()
    const storage = {
      id: anyObjectId(),
      startEpoch: 4 as Epoch,
      endEpoch: 9 as Epoch,
      storageSize: 1n << 40n,
    }
    storages = [storage]
    await pooled.prepareRegistration(input)
    await pooled.prepareRegistration({ ...input, reuseStorage: false })
    // too small, and over
    storages = [
      { ...storage, storageSize: 1n },
      { ...storage, endEpoch: 5 as Epoch },
    ]
    await pooled.prepareRegistration(input)
    assert.deepEqual(prepared, [main.address, subs[0]!.address, subs[1]!.address])
    poor.add(subs[2]!.address)
    await pooled.prepareRegistration(input)
    assert.equal(prepared.at(-1), main.address)
    assert.deepEqual(asked, [subs[2]!.address])
    for (const { address } of subs) empty.add(address)
    await pooled.prepareRegistration(input)
    assert.deepEqual(prepared.slice(-2), [main.address, main.address])
    poor.add(main.address)
    await assert.rejects(pooled.prepareRegistration(input), (error: ChainError<'NOT_ENOUGH_WAL'>) => {
      assert.equal(error.code, 'NOT_ENOUGH_WAL')
      assert.match(error.message, /; 1\.5 WAL more are with its sub-wallets$/)
      assert.equal(error.details.subWalletsFrost, 1_500_000_000n)
      return true
    })
  })

  it('certifies with the one that registered, which sends the blob to the wallet, or to whom it is for', async () => {
    const pooled = writer()
    const certificate = {} as Certificate
    const recipient = anyObjectId()
    const [sub] = subs as [Wallet]
    const certify = async (owner: ObjectId, options?: CertifyOptions) => {
      const objectId = anyObjectId()
      const registered = { objectId, owner } as BlobObject
      await pooled.certify(objectId, certificate, { ...options, registered })
      const { by, options: used } = certified.at(-1)!
      return [by, used?.transferTo]
    }
    assert.deepEqual(await certify(sub.address), [sub.address, main.address])
    assert.deepEqual(await certify(sub.address, { transferTo: recipient }), [sub.address, recipient])
    assert.deepEqual(await certify(sub.address, { share: true }), [sub.address, undefined])
    assert.deepEqual(await certify(main.address), [main.address, undefined])
    // gas that has run out meanwhile is given
    poor.add(sub.address)
    assert.deepEqual(await certify(sub.address), [sub.address, main.address])
    assert.deepEqual(asked, [sub.address])
  })

  it('says how much it lacks to certify, and goes on with nothing of theirs while they are not held', async () => {
    const frost: unknown[] = []
    const [sub] = subs as [Wallet]
    poor.add(sub.address)
    const { signal } = new AbortController()
    const onShort: WalletPool['onShort'] = async (_, options) => {
      frost.push(options)
      // another upload spends what the first time brings
      if (frost.length === 2) poor.delete(sub.address)
    }
    const pooled = createPooledWriter(chain, main, { ...pool, onShort })
    const registered = { owner: sub.address } as BlobObject
    await pooled.certify(anyObjectId(), {} as Certificate, { registered, signal })
    assert.deepEqual(frost, Array(2).fill({ frost: 2n, signal }))
    const elsewhere = createPooledWriter(chain, main, { ...pool, isHeld: false })
    const all = subs.map(({ address }) => address)
    assert.deepEqual([elsewhere.subWallets, elsewhere.subWalletsElsewhere], [[], all])
    assert.deepEqual([pooled.subWallets, pooled.subWalletsElsewhere], [all, []])
  })

  it('is itself without them', () => {
    const alone = createPooledWriter(chain, main, { ...pool, wallets: [] })
    assert.equal(alone.wallet, main)
    assert.equal(alone.subWallets, undefined)
  })
})
