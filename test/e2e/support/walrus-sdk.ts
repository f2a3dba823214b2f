import { SuiGrpcClient } from '@mysten/sui/grpc'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { type WalrusClientConfig, walrus } from '@mysten/walrus'
import type { NetworkConfig } from '../../../chain/types/index.ts'

/** Walrus's SDK as an app sets it up, on a Floe network. Reported are errors of storage nodes. */
export function connectSdk(
  network: NetworkConfig,
  onError?: (error: Error) => void,
  uploadRelay?: WalrusClientConfig['uploadRelay'],
) {
  // it knows no other name than those of Walrus's own networks; the URL and the object IDs are what counts
  return new SuiGrpcClient({ network: 'testnet', baseUrl: network.suiRpc[0]! }).$extend(
    walrus({
      packageConfig: {
        systemObjectId: network.systemObjectId,
        stakingPoolId: network.stakingObjectId,
      },
      storageNodeUrlScheme: 'http',
      storageNodeClientOptions: { onError },
      uploadRelay,
    }),
  )
}

export type Sdk = ReturnType<typeof connectSdk>

/** A new key with SUI and WAL from the faucet. */
export async function fundedKey({ faucet }: NetworkConfig): Promise<Ed25519Keypair> {
  const key = new Ed25519Keypair()
  const response = await fetch(`${faucet}/v2/gas`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ FixedAmountRequest: { recipient: key.toSuiAddress() } }),
  })
  if (!response.ok) throw new Error(`faucet: ${response.status} ${await response.text()}`)
  return key
}
