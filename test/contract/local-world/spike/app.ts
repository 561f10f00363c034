import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, CfnOutput, Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import { SecurityGroup, SubnetType, Vpc } from "aws-cdk-lib/aws-ec2";
import { Cluster, ContainerImage, CpuArchitecture, FargateTaskDefinition } from "aws-cdk-lib/aws-ecs";
import { Rule } from "aws-cdk-lib/aws-events";
import { LambdaFunction } from "aws-cdk-lib/aws-events-targets";
import { Key } from "aws-cdk-lib/aws-kms";
import { Architecture, Code, Function as LambdaFn, Runtime } from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectLockRetention } from "aws-cdk-lib/aws-s3";
import { Asset } from "aws-cdk-lib/aws-s3-assets";
import { Schedule, ScheduleExpression, ScheduleTargetInput, TimeWindow } from "aws-cdk-lib/aws-scheduler";
import { StepFunctionsStartExecution } from "aws-cdk-lib/aws-scheduler-targets";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Queue } from "aws-cdk-lib/aws-sqs";
import {
  CustomerManagedEncryptionConfiguration,
  DefinitionBody,
  LogLevel,
  StateMachine,
} from "aws-cdk-lib/aws-stepfunctions";
import { buildSync } from "esbuild";
import { WORKER_BOOTSTRAP } from "../../../../lib/constructs/bootstrap.ts";

/**
 * The smallest stack with every wire that the estate hangs on: schedule → machine → task token → container →
 * answer, and dead worker → rule → failed token → failed execution → rule → alert.
 */
const [outputFolder = "."] = process.argv.slice(2);
const app = new App();
const stack = new Stack(app, "Spike", { env: { region: "eu-central-1" } });

const bundle = (entry: string, outfile: string) =>
  buildSync({
    entryPoints: [join(import.meta.dirname, entry)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: {
      js: 'import { createRequire } from "node:module";const require = createRequire(import.meta.url);',
    },
    external: [
      "mongodb-client-encryption",
      "kerberos",
      "snappy",
      "aws4",
      "gcp-metadata",
      "socks",
      "@mongodb-js/zstd",
    ],
  });
bundle("functions.ts", join(outputFolder, "functions/index.mjs"));
bundle("worker.ts", join(outputFolder, "worker.mjs"));

const key = new Key(stack, "Key", { enableKeyRotation: true });
const vault = new Bucket(stack, "Vault", {
  encryption: BucketEncryption.KMS,
  encryptionKey: key,
  objectLockEnabled: true,
  objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(1)),
  versioned: true,
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  lifecycleRules: [{ prefix: "data/hourly/", expiration: Duration.days(3) }],
  removalPolicy: RemovalPolicy.RETAIN,
});
const topic = new Topic(stack, "Alerts", { masterKey: key });
const code = Code.fromAsset(join(outputFolder, "functions"));
const common = { runtime: Runtime.NODEJS_24_X, architecture: Architecture.ARM_64, code } as const;
const taskStopped = new LambdaFn(stack, "TaskStopped", { ...common, handler: "index.taskStopped" });
const environment = { TOPIC_ARN: topic.topicArn };
const publisher = new LambdaFn(stack, "Publisher", { ...common, handler: "index.publisher", environment });
topic.grantPublish(publisher);

const vpc = new Vpc(stack, "Vpc", {
  natGateways: 0,
  subnetConfiguration: [{ name: "public", subnetType: SubnetType.PUBLIC }],
});
const cluster = new Cluster(stack, "Cluster", { vpc });
const worker = new Asset(stack, "WorkerBundle", { path: join(outputFolder, "worker.mjs") });
const task = new FargateTaskDefinition(stack, "Task", {
  runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64 },
});
task.addContainer("Worker", {
  containerName: "worker",
  image: ContainerImage.fromRegistry("public.ecr.aws/lambda/nodejs:24"),
  entryPoint: ["node", "-e", WORKER_BOOTSTRAP],
  command: [],
  environment: {
    NODE_PATH: "/var/runtime/node_modules",
    DRILL_HOST: "127.0.0.1",
    DRILL_PORT: "27017",
    BUNDLE_BUCKET: worker.s3BucketName,
    BUNDLE_KEY: worker.s3ObjectKey,
    BUNDLE_SHA256: createHash("sha256")
      .update(readFileSync(join(outputFolder, "worker.mjs")))
      .digest("hex"),
  },
});
task.addContainer("Server", {
  containerName: "drill-server",
  image: ContainerImage.fromRegistry("public.ecr.aws/docker/library/mongo:7"),
  command: ["mongod", "--bind_ip", "127.0.0.1"],
  portMappings: [{ containerPort: 27017 }],
});

const machine = new StateMachine(stack, "Machine", {
  definitionBody: DefinitionBody.fromString(
    JSON.stringify({
      QueryLanguage: "JSONata",
      StartAt: "Work",
      States: {
        Work: {
          Type: "Task",
          Resource: "arn:aws:states:::ecs:runTask.waitForTaskToken",
          Arguments: {
            LaunchType: "FARGATE",
            Cluster: cluster.clusterArn,
            TaskDefinition: task.taskDefinitionArn,
            NetworkConfiguration: {
              AwsvpcConfiguration: {
                Subnets: vpc.publicSubnets.map(({ subnetId }) => subnetId),
                SecurityGroups: [new SecurityGroup(stack, "Group", { vpc }).securityGroupId],
                AssignPublicIp: "ENABLED",
              },
            },
            Overrides: {
              ContainerOverrides: [
                {
                  Name: "worker",
                  Environment: [
                    { Name: "EXECUTION_ARN", Value: "{% $states.context.Execution.Id %}" },
                    {
                      Name: "JOB_REQUEST",
                      Value:
                        '{% $string({ "taskToken": $states.context.Task.Token, "hang": $states.input.hang }) %}',
                    },
                  ],
                },
              ],
            },
          },
          TimeoutSeconds: 120,
          HeartbeatSeconds: 24,
          End: true,
        },
      },
    }),
  ),
  logs: { destination: new LogGroup(stack, "Logs", { encryptionKey: key }), level: LogLevel.ALL },
  encryptionConfiguration: new CustomerManagedEncryptionConfiguration(key),
});
new Schedule(stack, "Schedule", {
  schedule: ScheduleExpression.rate(Duration.minutes(1)),
  timeWindow: TimeWindow.off(),
  target: new StepFunctionsStartExecution(machine, {
    input: ScheduleTargetInput.fromObject({ hang: false, trigger: "schedule" }),
    deadLetterQueue: new Queue(stack, "Missed"),
  }),
});
new Rule(stack, "TaskStoppedRule", {
  eventPattern: {
    source: ["aws.ecs"],
    detailType: ["ECS Task State Change"],
    detail: { clusterArn: [cluster.clusterArn], lastStatus: ["STOPPED"] },
  },
  targets: [new LambdaFunction(taskStopped)],
});
new Rule(stack, "FailedRule", {
  eventPattern: {
    source: ["aws.states"],
    detailType: ["Step Functions Execution Status Change"],
    detail: { status: ["FAILED", "TIMED_OUT", "ABORTED"], stateMachineArn: [machine.stateMachineArn] },
  },
  targets: [new LambdaFunction(publisher)],
});
new CfnOutput(stack, "MachineArn", { value: machine.stateMachineArn });
new CfnOutput(stack, "TopicArn", { value: topic.topicArn });
new CfnOutput(stack, "VaultBucket", { value: vault.bucketName });
