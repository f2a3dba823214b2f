import { join } from 'node:path'
import { type NodeFolder, nodeFolder } from '../storage/home/folder.ts'

/** Where a devnet keeps what. */
export interface DevnetLayout {
  dir: string
  lock: string
  localnet: string
  /** the chain's store, in `localnet` */
  ledger: string
  network: string
  /** a second `network.json`, for when the first one is lost */
  networkCopy: string
  /** of the relay */
  relayKey: string
  /** the folder of all nodes */
  nodes: string
  adminKey: string
  userKey: string
  node(name: string): NodeFolder
}

export function devnetLayout(dir: string): DevnetLayout {
  return {
    dir,
    lock: join(dir, 'lock'),
    localnet: join(dir, 'localnet'),
    ledger: join(dir, 'localnet', 'ledger'),
    network: join(dir, 'network.json'),
    networkCopy: join(dir, 'localnet', 'network.json'),
    relayKey: join(dir, 'keys', 'relay.key'),
    nodes: join(dir, 'nodes'),
    adminKey: join(dir, 'keys', 'admin.sui.key'),
    userKey: join(dir, 'keys', 'user.sui.key'),
    node: name => nodeFolder(join(dir, 'nodes', name)),
  }
}

/** `00` to `12`: sorts as it counts. */
export function nodeName(index: number): string {
  return String(index).padStart(2, '0')
}
