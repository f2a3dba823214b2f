import assert from 'node:assert/strict'
import { type GrpcTypes, SuiGrpcClient } from '@mysten/sui/grpc'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Transaction } from '@mysten/sui/transactions'
import { type Localnet, type LocalnetOptions, startLocalnet } from '../../../../chain/localnet/index.ts'
import { packageDigest } from '../../../../chain/localnet/ledger/execution/publish.ts'
import { type Compiled, samplePackage } from './packages.ts'

type Include = { effects: true; events: true; objectTypes: true; balanceChanges: true }
const include: Include = { effects: true, events: true, objectTypes: true, balanceChanges: true }
export type Executed = NonNullable<Awaited<ReturnType<typeof executeWith>>>

const executeWith = (client: SuiGrpcClient, transaction: Uint8Array, signatures: string[]) =>
  client.core.executeTransaction({ transaction, signatures, include }).then(result => {
    const executed = result.Transaction ?? result.FailedTransaction
    assert.ok(executed)
    return executed
  })

/** A localnet, a funded account, and the sample package when asked for. */
export class TestChain {
  readonly localnet: Localnet
  readonly client: SuiGrpcClient
  readonly keypair: Ed25519Keypair
  /** ID of the package `rules`, once published */
  packageId = ''

  private constructor(localnet: Localnet, keypair: Ed25519Keypair) {
    this.localnet = localnet
    this.keypair = keypair
    this.client = new SuiGrpcClient({ network: 'testnet', baseUrl: localnet.url })
  }

  static async start(
    options: LocalnetOptions & { sample?: boolean; keypair?: Ed25519Keypair } = {},
  ): Promise<TestChain> {
    const { sample = true, keypair = new Ed25519Keypair(), ...rest } = options
    const chain = new TestChain(await startLocalnet(rest), keypair)
    if (sample) {
      await chain.localnet.faucet(chain.address)
      chain.packageId = (await chain.publish(await samplePackage('rules'))).packageId
    }
    return chain
  }

  get address(): string {
    return this.keypair.toSuiAddress()
  }

  /** `things::name` of the sample package. */
  target(name: string): `${string}::${string}::${string}` {
    return `${this.packageId}::things::${name}`
  }

  /**
   * Builds without stopping at a transaction that would fail: the SDK asks for a simulation, whose
   * status is made to look like success.
   */
  async build(transaction: Transaction, sender = this.address): Promise<Uint8Array> {
    transaction.setSenderIfNotSet(sender)
    const client = new SuiGrpcClient({ network: 'testnet', baseUrl: this.localnet.url })
    const service = client.transactionExecutionService
    const simulate = service.simulateTransaction.bind(service)
    service.simulateTransaction = (input: GrpcTypes.SimulateTransactionRequest, options) => {
      const call = simulate(input, options)
      call.response.then(
        ({ transaction }) => {
          if (transaction?.effects) transaction.effects.status = { success: true }
        },
        () => undefined,
      )
      return call
    }
    return await transaction.build({ client })
  }

  /** Executes whatever comes of it: the result may be a failure. */
  async run(transaction: Transaction, keypair = this.keypair): Promise<Executed> {
    const bytes = await this.build(transaction, keypair.toSuiAddress())
    return await this.submit(bytes, keypair)
  }

  async submit(bytes: Uint8Array, ...keypairs: Ed25519Keypair[]): Promise<Executed> {
    const signers = keypairs.length > 0 ? keypairs : [this.keypair]
    const signatures = await Promise.all(
      signers.map(async keypair => (await keypair.signTransaction(bytes)).signature),
    )
    return await executeWith(this.client, bytes, signatures)
  }

  /** Executes and expects success. */
  async ok(transaction: Transaction, keypair = this.keypair): Promise<Executed> {
    const executed = await this.run(transaction, keypair)
    assert.equal(executed.status.error?.message, undefined)
    return executed
  }

  /** Executes and expects that the transaction fails; answers why. */
  async fails(transaction: Transaction): Promise<NonNullable<Executed['status']['error']>> {
    const { status } = await this.run(transaction)
    assert.ok(status.error, 'the transaction should have failed')
    return status.error
  }

  /** The error's gRPC form, which tells more than the SDK's. */
  async failure(transaction: Transaction): Promise<GrpcTypes.ExecutionError> {
    const bytes = await this.build(transaction)
    const { digest, status } = await this.submit(bytes)
    assert.ok(status.error, 'the transaction should have failed')
    const { response } = await this.client.ledgerService.getTransaction({
      digest,
      readMask: { paths: ['effects.status'] },
    })
    const error = response.transaction?.effects?.status?.error
    assert.ok(error)
    return error
  }

  async publish({
    modules,
    dependencies,
  }: Compiled): Promise<{ packageId: string; capId: string; executed: Executed }> {
    const transaction = new Transaction()
    transaction.transferObjects([transaction.publish({ modules, dependencies })], this.address)
    const executed = await this.ok(transaction)
    return {
      packageId: executed.effects!.changedObjects.find(change => change.outputState === 'PackageWrite')!
        .objectId,
      capId: created(executed, '::package::UpgradeCap'),
      executed,
    }
  }

  /** Upgrades a package; answers the new version's ID. */
  async upgrade(packageId: string, capId: string, next: Compiled): Promise<string> {
    const executed = await this.ok(upgradeOf(packageId, capId, next))
    return executed.effects!.changedObjects.find(change => change.outputState === 'PackageWrite')!.objectId
  }

  /** A `Thing` of the account's own; answers its ID. */
  async thing(value = 1): Promise<string> {
    const transaction = new Transaction()
    const thing = transaction.moveCall({
      target: this.target('thing'),
      arguments: [transaction.pure.u64(value)],
    })
    transaction.transferObjects([thing], this.address)
    return created(await this.ok(transaction), '::things::Thing')
  }

  async close(): Promise<void> {
    await this.localnet.close()
  }
}

/** ID of the one object of a type that the transaction wrote for the first time. */
export function created(executed: Pick<Executed, 'effects' | 'objectTypes'>, type: string): string {
  const found = executed.effects!.changedObjects.filter(
    change => change.inputState === 'DoesNotExist' && executed.objectTypes?.[change.objectId]?.endsWith(type),
  )
  assert.equal(found.length, 1, `one new ${type}, not ${found.length}`)
  return found[0]!.objectId
}

/** Authorizes an upgrade, does it, and commits it. */
export function upgradeOf(
  packageId: string,
  capId: string,
  next: Compiled,
  { policy = 0, digest = digestOf(next), target = packageId } = {},
): Transaction {
  const tx = new Transaction()
  const ticket = tx.moveCall({
    target: '0x2::package::authorize_upgrade',
    arguments: [tx.object(capId), tx.pure.u8(policy), tx.pure.vector('u8', digest)],
  })
  const receipt = tx.upgrade({ ...next, package: target, ticket })
  tx.moveCall({ target: '0x2::package::commit_upgrade', arguments: [tx.object(capId), receipt] })
  return tx
}

const digestOf = ({ modules, dependencies }: Compiled) =>
  packageDigest(
    modules.map(module => Uint8Array.from(module)),
    dependencies,
  )
