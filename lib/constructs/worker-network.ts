import {
  FlowLogDestination,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  SecurityGroup,
  SubnetType,
  Vpc,
} from "aws-cdk-lib/aws-ec2";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import { EstateLogs } from "./estate-logs.ts";

/** A small network of the workers' own: out by public subnets, S3 by the free gateway endpoint, nothing comes in. */
export class WorkerNetwork extends Construct {
  readonly vpc: Vpc;
  readonly subnetIds: string[];
  readonly securityGroup: SecurityGroup;

  constructor(scope: Construct, id: string, operationsKeyArn: string) {
    super(scope, id);
    this.vpc = new Vpc(this, "Vpc", {
      ipAddresses: IpAddresses.cidr("10.250.0.0/24"),
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [{ name: "workers", subnetType: SubnetType.PUBLIC, cidrMask: 26 }],
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
      // The CDK would empty the default group by a custom resource; no worker uses that group.
      restrictDefaultSecurityGroup: false,
    });
    const logs = new EstateLogs(this, "FlowLogs", operationsKeyArn);
    const role = new Role(this, "FlowLogRole", {
      assumedBy: new ServicePrincipal("vpc-flow-logs.amazonaws.com"),
    });
    this.vpc.addFlowLog("FlowLog", { destination: FlowLogDestination.toCloudWatchLogs(logs.group, role) });
    this.subnetIds = this.vpc.publicSubnets.map((subnet) => subnet.subnetId);
    this.securityGroup = new SecurityGroup(this, "Workers", {
      vpc: this.vpc,
      description: "Workers call out to the host and AWS; nothing calls in.",
      allowAllOutbound: true,
    });
  }
}
