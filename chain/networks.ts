import { parseObjectId } from '../codec/index.ts'
import type { NetworkConfig } from './types/index.ts'

/** The shortest epoch of a new network: its change takes each node some transactions. */
export const MIN_EPOCH_MS = 10_000

/** Walrus's public test network, whose nodes speak HTTP only: its chain state and events can be read. */
export const testnet: NetworkConfig = {
  schemaVersion: 1,
  name: 'testnet',
  kind: 'testnet',
  suiRpc: ['https://fullnode.testnet.sui.io:443'],
  systemObjectId: parseObjectId('0x6c2547cbbc38025cf3adac45f63cb0a8d12ecf777cdc75a4971612bf97fdf6af'),
  stakingObjectId: parseObjectId('0xbe46180321c30aab2f8b3501e24048377287fa708018a5b7c2792b35fe339ee3'),
  walType: '0x8270feb7375eee355e64fdb69c50abb6b5f9393a722883c1cf45f8e26048810a::wal::WAL',
  peers: [],
}

/** Walrus's main network. */
export const mainnet: NetworkConfig = {
  schemaVersion: 1,
  name: 'mainnet',
  kind: 'mainnet',
  suiRpc: ['https://fullnode.mainnet.sui.io:443'],
  systemObjectId: parseObjectId('0x2134d52768ea07e8c43570ef975eb3e4c27a39fa6396bef985b5abc58d03ddd2'),
  stakingObjectId: parseObjectId('0x10b9d30c28448939ce6c4d6c6e0ffce4a7f8a4ada8248bdad09ef8b70e4a3904'),
  walType: '0x356a26eb9e012a68958082340d4c4116e7f55615cf27affcff209cf0ae544f59::wal::WAL',
  peers: [],
}
