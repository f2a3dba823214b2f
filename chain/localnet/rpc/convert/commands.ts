import type { GrpcTypes } from '@mysten/sui/grpc'
import { fromBase64, toBase64 } from '@mysten/sui/utils'
import type { Argument } from '../../ledger/execution/arguments.ts'
import type { Command } from '../../ledger/execution/execute.ts'
import { requestType } from '../request-type.ts'
import { invalid } from '../status.ts'

const ARGUMENT_KIND = { gas: 1, input: 2, result: 3 } as const

export function argumentMessage(argument: Argument): GrpcTypes.Argument {
  switch (argument.$kind) {
    case 'GasCoin':
      return { kind: ARGUMENT_KIND.gas }
    case 'Input':
      return { kind: ARGUMENT_KIND.input, input: argument.Input }
    case 'Result':
      return { kind: ARGUMENT_KIND.result, result: argument.Result }
    case 'NestedResult': {
      const [result, subresult] = argument.NestedResult
      return { kind: ARGUMENT_KIND.result, result, subresult }
    }
  }
}

function argumentOf(message: GrpcTypes.Argument | undefined): Argument {
  switch (message?.kind) {
    case ARGUMENT_KIND.gas:
      return { $kind: 'GasCoin', GasCoin: true }
    case ARGUMENT_KIND.input:
      return { $kind: 'Input', Input: message.input ?? 0 }
    case ARGUMENT_KIND.result: {
      const { result = 0, subresult } = message
      return subresult === undefined
        ? { $kind: 'Result', Result: result }
        : { $kind: 'NestedResult', NestedResult: [result, subresult] }
    }
    default:
      throw invalid('an argument has no kind')
  }
}

export function commandMessage(command: Command): GrpcTypes.Command {
  switch (command.$kind) {
    case 'MoveCall': {
      const call = command.MoveCall
      return {
        command: {
          oneofKind: 'moveCall',
          moveCall: {
            package: call.package,
            module: call.module,
            function: call.function,
            typeArguments: call.typeArguments,
            arguments: call.arguments.map(argumentMessage),
          },
        },
      }
    }
    case 'TransferObjects': {
      const { objects, address } = command.TransferObjects
      return {
        command: {
          oneofKind: 'transferObjects',
          transferObjects: { objects: objects.map(argumentMessage), address: argumentMessage(address) },
        },
      }
    }
    case 'SplitCoins': {
      const { coin, amounts } = command.SplitCoins
      return {
        command: {
          oneofKind: 'splitCoins',
          splitCoins: { coin: argumentMessage(coin), amounts: amounts.map(argumentMessage) },
        },
      }
    }
    case 'MergeCoins': {
      const { destination, sources } = command.MergeCoins
      return {
        command: {
          oneofKind: 'mergeCoins',
          mergeCoins: { coin: argumentMessage(destination), coinsToMerge: sources.map(argumentMessage) },
        },
      }
    }
    case 'Publish': {
      const { modules, dependencies } = command.Publish
      return {
        command: { oneofKind: 'publish', publish: { modules: modules.map(fromBase64), dependencies } },
      }
    }
    case 'MakeMoveVec': {
      const { type, elements } = command.MakeMoveVec
      return {
        command: {
          oneofKind: 'makeMoveVector',
          makeMoveVector: { elementType: type ?? undefined, elements: elements.map(argumentMessage) },
        },
      }
    }
    case 'Upgrade': {
      const { modules, dependencies, package: id, ticket } = command.Upgrade
      return {
        command: {
          oneofKind: 'upgrade',
          upgrade: {
            modules: modules.map(fromBase64),
            dependencies,
            package: id,
            ticket: argumentMessage(ticket),
          },
        },
      }
    }
    default:
      throw invalid('unknown command')
  }
}

/** Read with bounds before the serializer sees it, which has none. */
const typeText = (text: string): string => requestType(text).text

/** The command as `@mysten/sui/bcs` serializes it. */
export function commandOf({ command }: GrpcTypes.Command): Command {
  switch (command.oneofKind) {
    case 'moveCall': {
      const {
        package: id = '',
        module = '',
        function: fn = '',
        typeArguments,
        arguments: args,
      } = command.moveCall
      return {
        $kind: 'MoveCall',
        MoveCall: {
          package: id,
          module,
          function: fn,
          typeArguments: typeArguments.map(typeText),
          arguments: args.map(argumentOf),
        },
      }
    }
    case 'transferObjects':
      return {
        $kind: 'TransferObjects',
        TransferObjects: {
          objects: command.transferObjects.objects.map(argumentOf),
          address: argumentOf(command.transferObjects.address),
        },
      }
    case 'splitCoins':
      return {
        $kind: 'SplitCoins',
        SplitCoins: {
          coin: argumentOf(command.splitCoins.coin),
          amounts: command.splitCoins.amounts.map(argumentOf),
        },
      }
    case 'mergeCoins':
      return {
        $kind: 'MergeCoins',
        MergeCoins: {
          destination: argumentOf(command.mergeCoins.coin),
          sources: command.mergeCoins.coinsToMerge.map(argumentOf),
        },
      }
    case 'publish':
      return {
        $kind: 'Publish',
        Publish: {
          modules: command.publish.modules.map(toBase64),
          dependencies: command.publish.dependencies,
        },
      }
    case 'makeMoveVector':
      return {
        $kind: 'MakeMoveVec',
        MakeMoveVec: {
          type:
            command.makeMoveVector.elementType === undefined
              ? null
              : typeText(command.makeMoveVector.elementType),
          elements: command.makeMoveVector.elements.map(argumentOf),
        },
      }
    case 'upgrade':
      return {
        $kind: 'Upgrade',
        Upgrade: {
          modules: command.upgrade.modules.map(toBase64),
          dependencies: command.upgrade.dependencies,
          package: command.upgrade.package ?? '',
          ticket: argumentOf(command.upgrade.ticket),
        },
      }
    default:
      throw invalid('a command has no kind')
  }
}
