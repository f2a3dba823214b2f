import type { Command } from 'commander'
import { actionsOf, type Run, readsNetwork, usesWallet } from '../declare.ts'
import { storing } from '../files/commands.ts'

/** Commands for quilts: many files in one blob. */
export function declareQuilts(program: Command, run: Run): void {
  const store = actionsOf(run, () => import('./store-quilt.ts'))
  const read = actionsOf(run, () => import('./read-quilt.ts'))

  usesWallet(
    storing(
      program
        .command('store-quilt')
        .alias('write-quilt')
        .description('store many files as one blob, of which each can be read by itself')
        .option(
          '--paths <path...>',
          'files, and folders with all that is in them; named by their paths in there',
        )
        .option('--allow-waste', 'also when the quilt is many times as large as its files')
        .option(
          '--blobs <json...>',
          'files with names and tags of their own: \'{"path":"a.pdf","identifier":"paper","tags":{"author":"me"}}\'',
        ),
    ),
  ).action(store('storeQuilt'))

  readsNetwork(
    program
      .command('read-quilt')
      .description('read files of a quilt: all, or those that the options name')
      .argument('[quilt-id]')
      .option('--quilt-id <id>', 'the same')
      .option('--identifiers <name...>', 'files of these names')
      .option('--tag <key-value...>', 'files with this tag: KEY VALUE; of several, with all of them')
      .option('--quilt-patch-ids <id...>', 'files by their patch IDs, of any quilts')
      .option(
        '-o, --out <folder>',
        'write each to a file of its name in there, instead of all to standard output',
      ),
  ).action(read('readQuilt'))

  readsNetwork(
    program
      .command('list-patches')
      .aliases(['list-patches-in-quilt', 'resolve-quilt'])
      .description('list the files of a quilt')
      .argument('<quilt-id>'),
  ).action(read('listPatches'))
}
