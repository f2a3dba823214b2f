import type { Command } from 'commander'
import {
  actionsOf,
  jsonOption,
  MAX_SHARDS,
  networkOption,
  type Run,
  readsNetwork,
  usesWallet,
  walrusOption,
  wholeNumber,
} from '../declare.ts'

// as in Walrus's client; 53 epochs are the most that the contract sells, and it says so itself
const DEFAULT_EPOCHS = 1

/** Options of a command that stores. */
export function storing(command: Command): Command {
  return command
    .option('--epochs <count>', 'for how many epochs', wholeNumber(1), DEFAULT_EPOCHS)
    .option('--permanent', 'nobody can delete it before its time')
    .option('--force', 'store and pay again what is stored already')
}

/** Commands that store and read files, and the codec's, which work offline. */
export function declareFiles(program: Command, run: Run): void {
  const store = actionsOf(run, () => import('./store.ts'))
  const read = actionsOf(run, () => import('./read.ts'))

  usesWallet(
    storing(
      program
        .command('store')
        .alias('write')
        .description('store files on the network')
        .argument('<file...>', 'files; - is standard input'),
    ),
  ).action(store('store'))

  readsNetwork(
    program
      .command('read')
      .description('read a blob from the storage nodes')
      .argument('<blob-id>')
      .option('-o, --output <file>', 'write to a file instead of standard output')
      .addOption(walrusOption('--out <file>'))
      .option('--resume', 'go on where the same command was cut short, and keep what there is when it is')
      .option('--cache <folder>', 'keep what is read there, and take from there what was: 1 GiB, for a week'),
  ).action(read('read'))

  readsNetwork(
    program
      .command('status')
      .alias('blob-status')
      .description('ask the nodes what they know of a blob')
      .argument('[blob-id]')
      .option('--blob-id <id>', 'the same')
      .option('--file <file>', "of this file's blob"),
  ).action(read('status'))

  declareOffline(program, run)
}

/** What needs no network. */
function declareOffline(program: Command, run: Run): void {
  const blobId = actionsOf(run, () => import('./blob-id.ts'))
  const encode = actionsOf(run, () => import('./encode.ts'))
  const decode = actionsOf(run, () => import('./decode.ts'))

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
    .action(blobId('blobId'))

  readsNetwork(
    program
      .command('convert-blob-id')
      .description('tell the blob ID of a number, hex or other base64, and its other forms')
      .argument('<id>', 'an object ID is looked up when --network is given'),
  ).action(blobId('convertBlobId'))

  program
    .command('encode')
    .description('encode a file into its slivers, offline')
    .argument('<file>')
    .requiredOption('--out <folder>', 'where the slivers go: a new or empty folder')
    .option('--shards <count>', 'shards of the network', wholeNumber(1, MAX_SHARDS), 1000)
    .addOption(jsonOption())
    .action(encode('encode'))

  program
    .command('decode')
    .description('put a file together from its slivers, offline')
    .argument('<folder>', 'with metadata.bin and enough slivers')
    .requiredOption('-o, --output <file>', 'the file to write')
    .addOption(jsonOption())
    .action(decode('decode'))
}
