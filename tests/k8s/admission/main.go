// Admission reads manifests as a cluster would before it takes them, for what
// schemas do not check:
//
//	admission LEVEL VERSION < manifests.yaml
//
// Pods, and whatever makes pods, are held to a Pod Security Standard
// (k8s.io/pod-security-admission is the code that clusters run). Certificates,
// ServiceMonitors and PrometheusRules are read into the types of those who
// define them, and must have no field that these do not know. Prints a line for
// each object, and exits with 1 if one is refused.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// decode refuses fields that are not known, or are written in another case.
func decode(document []byte, into any) error {
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	unknown, err := json.UnmarshalStrict(data, into)
	if err != nil {
		return err
	}
	return errors.Join(unknown...)
}

// pod returns what a document would run; nil if nothing.
func pod(kind string, document []byte) (*meta.ObjectMeta, *core.PodSpec, error) {
	switch kind {
	case "Pod":
		var it core.Pod
		err := decode(document, &it)
		return &it.ObjectMeta, &it.Spec, err
	case "Deployment":
		var it apps.Deployment
		err := decode(document, &it)
		return &it.Spec.Template.ObjectMeta, &it.Spec.Template.Spec, err
	case "Job":
		var it batch.Job
		err := decode(document, &it)
		return &it.Spec.Template.ObjectMeta, &it.Spec.Template.Spec, err
	case "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "ReplicationController":
		return nil, nil, fmt.Errorf("pods of a %s are not checked yet: add it here", kind)
	}
	return nil, nil, nil
}

// custom reads a document of somebody else's definition; false if it is none.
func custom(typ meta.TypeMeta, document []byte) (bool, error) {
	switch typ.APIVersion + " " + typ.Kind {
	case "cert-manager.io/v1 Certificate":
		return true, decode(document, &certmanager.Certificate{})
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return true, decode(document, &monitoring.ServiceMonitor{})
	case "monitoring.coreos.com/v1 PrometheusRule":
		return true, decode(document, &monitoring.PrometheusRule{})
	}
	return false, nil
}

func check(evaluator policy.Evaluator, at api.LevelVersion, document []byte) (string, error) {
	var object struct {
		meta.TypeMeta `json:",inline"`
		Metadata      struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := yaml.Unmarshal(document, &object); err != nil {
		return "a document", err
	}
	name := object.Kind + "/" + object.Metadata.Name
	if known, err := custom(object.TypeMeta, document); known || err != nil {
		return name, err
	}
	metadata, spec, err := pod(object.Kind, document)
	if err != nil || spec == nil {
		return name, err
	}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(at, metadata, spec))
	if !result.Allowed {
		return name, errors.New(result.ForbiddenReason() + ": " + result.ForbiddenDetail())
	}
	return name, nil
}

func run(level, version string) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	at := api.LevelVersion{}
	if at.Level, err = api.ParseLevel(level); err != nil {
		return err
	}
	if at.Version, err = api.ParseVersion(version); err != nil {
		return err
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	refused := 0
	for {
		document, err := reader.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		name, err := check(evaluator, at, document)
		switch {
		case err != nil:
			fmt.Printf("refused: %s: %v\n", name, err)
			refused++
		case name != "/":
			fmt.Printf("taken: %s\n", name)
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d refused", refused)
	}
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "admission LEVEL VERSION < manifests.yaml")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "admission:", err)
		os.Exit(1)
	}
}
