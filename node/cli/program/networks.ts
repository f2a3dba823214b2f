import { Argument, type Command, Option } from 'commander'
import { DEFAULT_GATEWAY_PORT } from '../../gateway/options.ts'
import { INFO_TOPICS } from '../info-topic.ts'
import { DEFAULT_DIR, DEFAULT_LOCALNET_DIR } from '../network-file.ts'
import { jsonOption, logOption, MAX_SHARDS, type Run, readsNetwork, wholeNumber } from './options.ts'

/** Where Sui's own tools expect a local node. */
const SUI_PORT = 9000

/** Walrus's deployed packages have objects of version 3. */
const contractOption = () =>
  new Option(
    '--contract-version <number>',
    "version of a new network's contract: 3 as deployed by Walrus, or 4 (default: 4)",
  ).argParser(wholeNumber(3, 4))

/** Commands that run a network, and that look at one. */
export function declareNetworks(program: Command, run: Run): void {
  program
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
    .option('--repair', 'mend damaged stores first: what can be read is kept')
    .addOption(logOption())
    .addOption(jsonOption())
    .action(options =>
      run(async context => (await import('../commands/up.ts')).up(context, options), options),
    )

  program
    .command('localnet')
    .description('run a Sui of its own with the contract on it, without storage nodes')
    .option('--port <port>', "Sui's port; 0 for any free one", wholeNumber(0, 65_535), SUI_PORT)
    .option('--dir <folder>', 'where the chain and its keys are kept', DEFAULT_LOCALNET_DIR)
    .addOption(contractOption())
    .option('--repair', 'mend a damaged store first: what can be read is kept')
    .addOption(logOption())
    .addOption(jsonOption())
    .action(options =>
      run(async context => (await import('../commands/localnet.ts')).localnet(context, options), options),
    )

  readsNetwork(
    program
      .command('info')
      .description('committee, epoch, prices and capacity')
      .addArgument(new Argument('[topic]', 'one of them in more detail').choices(INFO_TOPICS)),
  ).action((topic, options) =>
    run(async context => (await import('../commands/info.ts')).info(context, topic, options), options),
  )
}
