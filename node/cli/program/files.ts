import type { Command } from 'commander'
import {
  jsonOption,
  MAX_SHARDS,
  networkOption,
  type Run,
  readsNetwork,
  usesWallet,
  wholeNumber,
} from './options.ts'

// as in Walrus's client; 53 epochs are the most that the contract sells, and it says so itself
const DEFAULT_EPOCHS = 1

/** Commands that store and read files, and the codec's, which work offline. */
export function declareFiles(program: Command, run: Run): void {
  usesWallet(
    program
      .command('store')
      .description('store files on the network')
      .argument('<file...>', 'files; - is standard input')
      .option('--epochs <count>', 'for how many epochs', wholeNumber(1), DEFAULT_EPOCHS)
      .option('--permanent', 'nobody can delete it before its time')
      .option('--force', 'store and pay again what is stored already'),
  ).action((files, options) =>
    run(async context => (await import('../commands/store.ts')).store(context, files, options), options),
  )

  readsNetwork(
    program
      .command('read')
      .description('read a blob from the storage nodes')
      .argument('<blob-id>')
      .option('-o, --output <file>', 'write to a file instead of standard output')
      .option('--resume', 'go on where the same command was cut short, and keep what there is when it is'),
  ).action((blobId, options) =>
    run(async context => (await import('../commands/read.ts')).read(context, blobId, options), options),
  )

  readsNetwork(
    program.command('status').description('ask the nodes what they know of a blob').argument('<blob-id>'),
  ).action((blobId, options) =>
    run(async context => (await import('../commands/status.ts')).status(context, blobId, options), options),
  )

  program
    .command('blob-id')
    .description('compute blob IDs, offline')
    .argument('<file...>', 'files; - is standard input')
    .option(
      '--shards <count>',
      "shards of the network (default: that of the network's file, else 1000)",
      wholeNumber(1, MAX_SHARDS),
    )
    .addOption(networkOption())
    .addOption(jsonOption())
    .action((files, options) =>
      run(async context => (await import('../commands/blob-id.ts')).blobId(context, files, options), options),
    )

  program
    .command('encode')
    .description('encode a file into its slivers, offline')
    .argument('<file>')
    .requiredOption('--out <folder>', 'where the slivers go: a new or empty folder')
    .option('--shards <count>', 'shards of the network', wholeNumber(1, MAX_SHARDS), 1000)
    .addOption(jsonOption())
    .action((file, options) =>
      run(async context => (await import('../commands/encode.ts')).encode(context, file, options), options),
    )

  program
    .command('decode')
    .description('put a file together from its slivers, offline')
    .argument('<folder>', 'with metadata.bin and enough slivers')
    .requiredOption('-o, --output <file>', 'the file to write')
    .addOption(jsonOption())
    .action((folder, options) =>
      run(async context => (await import('../commands/decode.ts')).decode(context, folder, options), options),
    )
}
