import { Argument, type Command, Option } from 'commander'
import { DEFAULT_GATEWAY_PORT } from '../../gateway/options.ts'
import {
  actionsOf,
  DEFAULT_DIR,
  DEFAULT_LOCALNET_DIR,
  duration,
  jsonOption,
  logOption,
  MAX_SHARDS,
  type Run,
  readsNetwork,
  wholeNumber,
} from '../declare.ts'
import { webOrigins, whoMayAsk, whoMayStore } from '../gateway/commands.ts'

/** What `floe info` tells in more detail. */
export const INFO_TOPICS = [
  'committee',
  'epoch',
  'price',
  'storage',
  'size',
  'decentralization',
  'parameters',
  'challenges',
  'bft',
  'all',
] as const

export type InfoTopic = (typeof INFO_TOPICS)[number]

/** Where Sui's own tools expect a local node. */
const SUI_PORT = 9000

/** Walrus's deployed packages have objects of version 3. */
const contractOption = () =>
  new Option(
    '--contract-version <number>',
    "version of a new network's contract: 3 as deployed by Walrus, or 4 (default: 4)",
  ).argParser(wholeNumber(3, 4))

/** One checkpoint is one transaction here. */
const keepOption = () =>
  new Option(
    '--keep-checkpoints <count>',
    'checkpoints that Sui keeps with their events; older ones are pruned (default: all)',
  ).argParser(wholeNumber(1))

const pageOriginOption = () =>
  new Option(
    '--page-origin <origin...>',
    'web pages of other hosts that may ask Sui, and its faucet: https://app.example',
  ).argParser(webOrigins)

/** Commands that run a network, and that look at one. */
export function declareNetworks(program: Command, run: Run): void {
  const up = actionsOf(run, () => import('./up.ts'))
  const info = actionsOf(run, () => import('./info.ts'))

  const upCommand = program
    .command('up')
    .description('run a whole network here: Sui, storage nodes and a gateway')
    .option('--nodes <count>', 'storage nodes', wholeNumber(1), 13)
    .option('--shards <count>', 'shards, divided among the nodes', wholeNumber(1, MAX_SHARDS), 100)
    .option(
      '--port <port>',
      "the gateway's port; 0 for any free one",
      wholeNumber(0, 65_535),
      DEFAULT_GATEWAY_PORT,
    )
    .option('--dir <folder>', 'where everything is kept', DEFAULT_DIR)
    .addOption(contractOption())
    .addOption(keepOption())
    .option('--epoch <duration>', "how long a new network's epochs last: 30s, 2m, 1h (default: 1d)", duration)
    .option('--repair', 'mend damaged stores first: what can be read is kept')
    .option('--private', 'storage nodes without addresses of their own: everything goes over a relay')
    .option('--no-webrtc', 'pages reach the nodes by WebSockets alone')
    .addOption(pageOriginOption())
    .option('--processes', 'each storage node in a process of its own, which is started again when it ends')
  whoMayStore(whoMayAsk(upCommand), 'on').addOption(logOption()).addOption(jsonOption()).action(up('up'))

  program
    .command('localnet')
    .description('run a Sui of its own with the contract on it, without storage nodes')
    .option('--port <port>', "Sui's port; 0 for any free one", wholeNumber(0, 65_535), SUI_PORT)
    .option('--dir <folder>', 'where the chain and its keys are kept', DEFAULT_LOCALNET_DIR)
    .addOption(contractOption())
    .addOption(keepOption())
    .addOption(pageOriginOption())
    .option('--repair', 'mend a damaged store first: what can be read is kept')
    .addOption(logOption())
    .addOption(jsonOption())
    .action(up('localnet'))

  readsNetwork(
    program
      .command('info')
      .description('committee, epoch, prices and capacity')
      .addArgument(new Argument('[topic]', 'one of them in more detail').choices(INFO_TOPICS)),
  ).action(info('info'))
}
