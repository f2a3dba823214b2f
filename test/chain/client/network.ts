/** A small network on a localnet of its own, made by the real genesis, for tests of the chain. */

import type { Signer } from '@mysten/sui/cryptography'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { createNetwork, type GenesisNode } from '../../../chain/genesis/index.ts'
import { createCoordinator, keypairWallet, walletOf } from '../../../chain/index.ts'
import { type Localnet, startLocalnet } from '../../../chain/localnet/index.ts'
import type {
  Committees,
  ContractVersion,
  FullCoordinator,
  NetworkConfig,
  Wallet,
} from '../../../chain/types/index.ts'
import { type Bls, computeBlobId, confirmationMessage, metadataRoot } from '../../../codec/index.ts'
import { loadBls } from '../../../codec/node.ts'
import type { BlobId, BlobMetadata, Certificate, Epoch, Persistence } from '../../../codec/types.ts'

export const MIB = 1024n * 1024n
export const EPOCH_MS = 3_600_000

export interface TestNode extends GenesisNode {
  wallet: Wallet
}

export interface TestNetwork {
  localnet: Localnet
  network: NetworkConfig
  coordinator: FullCoordinator
  /** whose signer is the SDK's, for the SDK's clients */
  admin: Wallet & { signer: Signer }
  nodes: TestNode[]
  bls: Bls
  nShards: number
  close(): Promise<void>
}

/** Seeds tell wallets and keys apart; the same number gives the same key. */
export function seed(kind: number, index: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : i === 1 ? kind : i === 2 ? index : 7))
}

export function testNodes(count: number, bls: Bls): TestNode[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `node-${i}`,
    wallet: keypairWallet(seed(1, i)),
    blsSecret: bls.generateSecret(),
    networkPublicKey: Uint8Array.of(0, ...seed(2, i)),
    networkAddress: `127.0.0.1:${9000 + i}`,
    multiaddrs: [`/ip4/127.0.0.1/tcp/${9000 + i}`, `/ip6/::1/tcp/${9000 + i}`],
    nodeCapacityBytes: 1024n * MIB,
    stakeWal: 1000n,
  }))
}

export async function startTestNetwork({
  nodes: count = 4,
  nShards = 10,
  contractVersion = 4,
  dir,
}: {
  nodes?: number
  contractVersion?: ContractVersion
  nShards?: number
  dir?: string
} = {}): Promise<TestNetwork> {
  const localnet = await startLocalnet({ dir })
  const bls = await loadBls()
  const signer = Ed25519Keypair.fromSecretKey(seed(0, 0))
  const admin = { ...walletOf(signer), signer }
  await localnet.faucet(admin.address)
  const nodes = testNodes(count, bls)
  const network = await createNetwork({
    suiRpc: localnet.url,
    admin,
    nShards,
    epochMs: EPOCH_MS,
    contractVersion,
    nodes,
    nodeGasMist: 5_000_000_000n,
    advanceClock: async ms => void (await localnet.advanceClock(ms)),
  })
  const coordinator = createCoordinator(network)
  return {
    localnet,
    network,
    coordinator,
    admin,
    nodes,
    bls,
    nShards,
    close: async () => {
      await coordinator.close()
      await localnet.close()
    },
  }
}

/** Metadata of a blob that nobody encoded: the chain sees only its hashes. */
export function metadataOf(nShards: number, unencodedLength: number, tag: number): BlobMetadata {
  const hashes = new Uint8Array(nShards * 64).fill(tag)
  const root = metadataRoot({ hashes, nShards })
  return {
    blobId: computeBlobId(unencodedLength, root),
    encodingType: 'RS2',
    unencodedLength,
    nShards,
    hashes,
  }
}

export interface CertificateInput {
  blobId: BlobId
  persistence: Persistence
  epoch?: Epoch
  /** committee members that sign; all when absent */
  signers?: number[]
}

/** A certificate of these members, whatever their weight. */
export function certificateOf(on: TestNetwork, committees: Committees, input: CertificateInput): Certificate {
  const { members } = committees.current
  const epoch = input.epoch ?? committees.epoch
  const signers = input.signers ?? members.map(member => member.index)
  const message = confirmationMessage({ epoch, blobId: input.blobId, persistence: input.persistence })
  const signatures = signers.map(index => on.bls.sign(secretOf(on, members[index]!.name), message))
  return { epoch, signers, message, signature: on.bls.aggregateSignatures(signatures) }
}

export function secretOf(on: Pick<TestNetwork, 'nodes'>, name: string): Uint8Array {
  return on.nodes.find(node => node.name === name)!.blsSecret
}
